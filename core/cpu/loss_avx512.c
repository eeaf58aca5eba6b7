#define MG_NAME(x) x##_avx512
#include "loss_body.h"
