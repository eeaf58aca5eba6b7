#define REAL float
#define SQRT sqrtf
#define TABLE mg_optimizer_float_avx2
#include "optimizer_body.h"
