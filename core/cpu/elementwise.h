/* elementwise.h: functions of plain arrays on tensors of any strides. Private to core/cpu. */
#ifndef MG_ELEMENTWISE_H
#define MG_ELEMENTWISE_H

#include "iterate.h"

/* out[i] = f(in[0][i], in[1][i], ...) for i in 0..n-1; out may be one of the inputs. Called from several threads. */
typedef void (*mg_kernel)(const void *context, int64_t n, void *out, const void *const *in);

/* `count` (at most 3) inputs of out's shape; `piece` as for mg_iterate. What is not contiguous goes through small buffers, so a
 * result never depends on strides. */
mg_status mg_elementwise(mg_tensor *out, const mg_tensor *const *in, int count, int64_t piece, mg_kernel kernel,
                         const void *context);

#endif
