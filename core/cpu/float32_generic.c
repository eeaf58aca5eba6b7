/* float32_generic.c: the float32 loops for the instruction set in the name. */
#define MG_NAME(x) x##_generic
#include "float32_body.h"
