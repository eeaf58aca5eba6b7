/* io_hdf5.h: what the parts of the HDF5 shim share. Private. The shim is a library of its own, moongate/hdf5, and knows nothing of
 * the core: it has its own error text and one lock, since libhdf5 is not made for threads everywhere. */
#ifndef MG_IO_HDF5_H
#define MG_IO_HDF5_H

#include <hdf5.h>

#include "moongate.h"

struct mg_hdf5 {
  hid_t id;
  int64_t bytes; /* of the file when it was opened */
  int writable;
};

mg_status hdf5_fail(mg_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *hdf5_reason(void); /* libhdf5's own words about its last failure */

#define HDF5_TRY(call)                              \
  do {                                              \
    mg_status hdf5_try_ = (call);                   \
    if (hdf5_try_ != MG_OK) return hdf5_try_;       \
  } while (0)

/* Holds the lock until the end of the block, and silences libhdf5. */
void hdf5_lock(void);
void hdf5_unlock(int *unused);
#define HDF5_LOCKED                                                                   \
  __attribute__((cleanup(hdf5_unlock), unused)) int hdf5_locked_ = (hdf5_lock(), 0)

/* Opens the object at "/a/b" by hard links only: soft, external and user-defined links lead out of what this file says it holds.
 * Close with H5Oclose. */
mg_status hdf5_object(hid_t *object, const mg_hdf5 *file, const char *path);
/* The group that holds the path's last part, made with its parents when missing; *name is that part. */
mg_status hdf5_parent(hid_t *group, const char **name, const mg_hdf5 *file, const char *path);
mg_status hdf5_check_writable(const mg_hdf5 *file, const char *path);

#endif
