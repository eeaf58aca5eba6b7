-- Why layers have no step of their own in a stream, by class, and what to do instead: { reason, fix }.
local OUTSIDE = "a stream of the layers before it, and this one on what step gives"
local WHOLE = "call the model on whole sequences"

local reasons = {
  outside = OUTSIDE, whole = WHOLE,
  Bidirectional = { "its backward layer begins at the last step, which a stream does not know yet",
    "a model with the forward layer alone, or " .. WHOLE },
  Masking = { "a stream takes every step that it is given", "leave the layer out, and do not call step for steps to be skipped" },
  Lambda = { "it is a function in Lua" },
  Flatten = { "it joins all steps of a sequence into one", WHOLE },
  RepeatVector = { "it makes many steps of one", "a stream of the layers after it, stepped on the same input" },
  UpSampling1D = { "it makes several steps of one", "a stream of the layers after it, stepped several times" },
  ZeroPadding1D = { "it adds steps", "leave it out, and step on zeros first" },
  Cropping1D = { "it drops steps by their place in the sequence", "leave it out, and do not call step for those" },
}

local function because(names, reason, fix)
  for name in names:gmatch("%S+") do reasons[name] = { reason, fix } end
end
because("Conv1D MaxPooling1D AveragePooling1D", "it reads a window of several steps", WHOLE)
because("GlobalMaxPooling1D GlobalAveragePooling1D", "it reads all steps of a sequence", WHOLE)
because("Reshape Permute", "it moves values between steps", WHOLE)
because("Add Subtract Multiply Average Maximum Minimum Concatenate Dot Attention AdditiveAttention", "it has several inputs",
  "a stream for each way that leads to it, and the layer on what they give")

return reasons
