#define REAL double
#define SQRT sqrt
#define TABLE mg_optimizer_double
#include "optimizer_body.h"
