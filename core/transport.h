/* transport.h: copies between devices. Private. */
#ifndef MG_TRANSPORT_H
#define MG_TRANSPORT_H

#include "tensor.h"

/* out = x, of one shape and on different devices; casts. */
mg_status mg_transport(mg_tensor *out, const mg_tensor *x);

#endif
