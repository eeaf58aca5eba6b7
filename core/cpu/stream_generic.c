/* stream_generic.c: the steps of streams for the instruction set in the name. */
#define MG_NAME(x) x##_generic
#include "stream_body.h"
