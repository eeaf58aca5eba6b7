/* threads.h: the engine's own pool of persistent workers. Private. */
#ifndef MG_THREADS_H
#define MG_THREADS_H

#include "moongate.h"

/* Runs task(context, i) once for every i in 0..count-1, on any thread, and returns when all are done: MG_OK, or the status of the
 * lowest failing index with its message moved to the calling thread. The caller cuts the work into pieces by its shape alone, never
 * by the number of threads: that is what makes results repeatable. A nested call runs its pieces in the calling thread; without
 * workers the caller does all of them. */
typedef mg_status (*mg_task)(void *context, int64_t index);
mg_status mg_parallel(int64_t count, mg_task task, void *context);

int32_t mg_processors(void);       /* that this process may run on, at most 256 */
mg_status mg_threads_status(void); /* fails when MOONGATE_THREADS holds something else than 1..256 */

/* Pieces of `piece` elements that cover n. */
static inline int64_t mg_pieces(int64_t n, int64_t piece) { return (n + piece - 1) / piece; }

#endif
