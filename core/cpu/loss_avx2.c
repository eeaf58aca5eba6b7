#define MG_NAME(x) x##_avx2
#include "loss_body.h"
