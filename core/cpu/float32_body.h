/* float32_body.h: the table of float32 loops; the loops are in the included bodies. */
#include "../moongate.h"
#include "float32.h"
#include "vector_math.h"

#include "elementwise_body.h"
#include "activation_body.h"
#include "activation_slope_body.h"
#include "reduce_body.h"
#include "softmax_body.h"
#include "layer_norm_body.h"

const mg_float32 MG_NAME(float32) = {
  .unary = unary_float32,
  .binary = binary_float32,
  .activation = activation_float32,
  .activation_slope = activation_slope_float32,
  .reduce = reduce_float32,
  .reduce_columns = reduce_columns_float32,
  .find = find_float32,
  .softmax = softmax_float32,
  .softmax_slope = softmax_slope_float32,
  .layer_norm = layer_norm_float32,
  .layer_norm_slope = layer_norm_slope_float32,
};
