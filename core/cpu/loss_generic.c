#define MG_NAME(x) x##_generic
#include "loss_body.h"
