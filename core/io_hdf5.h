/* io_hdf5.h: what the parts of the HDF5 shim share. Private. The shim is a library of its own, moongate/hdf5, and knows nothing of
 * the core: it has its own error text and one lock, since libhdf5 is not made for threads everywhere. */
#ifndef MG_IO_HDF5_H
#define MG_IO_HDF5_H

#include <hdf5.h>

#include "moongate_files.h"

enum {
  HDF5_LONGEST_NAME = 1024,
  HDF5_NEVER_WRITTEN_BYTES = 1 << 20, /* what a dataset may claim that was never written and holds only its fill value */
};

struct mg_hdf5 {
  hid_t id;
  int64_t bytes; /* of the file when it was opened */
  int writable;
  int descriptor; /* for looking at the file before libhdf5 does; -1 when writing or in memory */
  const uint8_t *image; /* the caller's bytes of a file that was opened in memory, or NULL */
  uint32_t leaf_k, internal_k; /* sizes of the groups' nodes */
  uint64_t root;
  uint64_t checked[256]; /* addresses of objects that were looked at, each in its slot */
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

/* Whether libhdf5 can be let at the file, and at the object at an address. */
mg_status hdf5_check_start(mg_hdf5 *file, const char *path);
mg_status hdf5_check_object(mg_hdf5 *file, uint64_t address, const char *path);

#if H5_VERSION_GE(1, 12, 0)
typedef H5L_info1_t hdf5_link;
#define hdf5_link_of H5Lget_info1
#define hdf5_link_at H5Lget_info_by_idx1
#else
typedef H5L_info_t hdf5_link;
#define hdf5_link_of H5Lget_info
#define hdf5_link_at H5Lget_info_by_idx
#endif

/* Opens the object at "/a/b" by hard links only: soft, external and user-defined links lead out of what this file says it holds.
 * Close with H5Oclose. */
mg_status hdf5_object(hid_t *object, mg_hdf5 *file, const char *path);
/* Where the header of the object is, in a file that is read. */
mg_status hdf5_address(uint64_t *address, mg_hdf5 *file, const char *path);
/* The group that holds the path's last part, made with its parents when missing; *name is that part. */
mg_status hdf5_parent(hid_t *group, const char **name, mg_hdf5 *file, const char *path);
mg_status hdf5_check_writable(mg_hdf5 *file, const char *path);

#endif
