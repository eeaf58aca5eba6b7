local class = require "moongate.class"

describe("class", function()
  local Animal = class "Animal"
  function Animal:init(legs) self.legs = legs end
  function Animal:count() return self.legs end
  Animal.getters.half = function(self) return self.legs / 2 end
  Animal.setters.tail = function(self, value) self.tail_length = value * 10 end
  local Dog = class("Dog", Animal)
  function Dog:init(...) Animal.init(self, ...) end
  function Dog.to_text() return "a dog" end
  local Stone = class "Stone"

  it("makes objects and inherits methods", function()
    local dog = Dog(4)
    assert.equal(4, dog:count())
    assert.equal("Dog", Dog.name)
    assert.equal(Animal, Dog.parent)
  end)

  it("knows what an object is", function()
    local dog = Dog(4)
    assert.is_true(dog:is(Dog))
    assert.is_true(dog:is(Animal))
    assert.is_false(dog:is(Stone))
    assert.is_false(Animal(2):is(Dog))
    assert.is_false(Animal.is("text", Animal))
  end)

  it("has properties, inherited", function()
    local dog = Dog(4)
    dog.tail = 3
    assert.equal(2, dog.half)
    assert.equal(30, dog.tail_length)
  end)

  it("prints", function()
    assert.equal("a dog", tostring(Dog(4)))
    assert.equal("<Stone>", tostring(Stone()))
    assert.equal("class Dog", tostring(Dog))
  end)
end)
