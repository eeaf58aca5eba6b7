/* workspace.h: scratch memory of the calling thread. Private. */
#ifndef MG_WORKSPACE_H
#define MG_WORKSPACE_H

#include <stddef.h>
#include <stdint.h>

/* A stack of 64-byte aligned scratch that only grows: take a mark, take memory, give back the mark. NULL when the system has no
 * more (callers return MG_ENOMEM through mg_fail). Memory taken stays valid until its mark is given back. */
size_t mg_workspace_mark(void);
void *mg_workspace_take(size_t bytes);
void mg_workspace_give_back(size_t mark);
void mg_workspace_trim(void);     /* frees this thread's blocks, unless some memory is taken */
int64_t mg_workspace_bytes(void); /* of all threads */

#endif
