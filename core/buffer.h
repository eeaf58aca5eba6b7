/* buffer.h: the memory behind tensors: counted, numbered, and kept for reuse after its last tensor has gone. Private. */
#ifndef MG_BUFFER_H
#define MG_BUFFER_H

#include "backend.h"

/* A buffer with one reference and undefined contents. A released one of the same size class is used again; when the system has no
 * more, everything kept is given back before the second try. bytes may be 0. */
mg_status mg_buffer_create(mg_buffer **out, const mg_backend *backend, int64_t bytes);
void mg_buffer_retain(mg_buffer *buffer);
void mg_buffer_release(mg_buffer *buffer);
void mg_buffer_trim(void); /* gives everything kept back to the system */
void mg_buffer_counts(mg_memory_info *info); /* live, peak and cached bytes */
/* bytes rounded up to its size class, at most 1/8 more; 0 when that overflows. */
int64_t mg_buffer_capacity(int64_t bytes);

#endif
