#define REAL float
#define SQRT sqrtf
#define TABLE mg_optimizer_float_generic
#include "optimizer_body.h"
