/* io_hdf5_check.h: what libhdf5 takes on trust is looked at before it does. Private. In damaged files libhdf5 (1.10.8 among others)
 * crashes or goes round for ever: a free list that leads back, a fill value longer than its message, addresses near 2^64. The
 * format of before HDF5 1.8, which h5py and Keras write, is small enough to check. Source: HDF5 File Format Specification 1.1. */
#ifndef MG_IO_HDF5_CHECK_H
#define MG_IO_HDF5_CHECK_H

#include "io_hdf5.h"

enum { KIND_INTEGER = 0, KIND_FLOAT = 1, KIND_STRING = 3, KIND_ENUM = 8, KIND_VARIABLE = 9 };
enum { HDF5_REFERENCE_BYTES = 16 }; /* of a text of variable length: its length, the address of a heap, its number there */

#define HDF5_NOWHERE UINT64_MAX /* the address of what is not there */

uint64_t hdf5_number(const uint8_t *bytes, int count); /* little-endian */
/* count bytes at an address of the file, to be freed; NULL when they are not in it. */
uint8_t *hdf5_bytes(const mg_hdf5 *file, uint64_t address, uint64_t count);

typedef struct hdf5_header {
  const mg_hdf5 *file;
  const char *path;
  int messages, blocks;
  int has_group, has_type, has_space, has_layout;
  uint64_t tree, heap;                /* of a group */
  uint64_t type_size, elements;       /* of a dataset */
  uint64_t stored, fill_size;
  const char *wanted;                 /* [opt] an attribute's name; its message is then copied, to be freed */
  uint8_t *attribute;
  uint64_t attribute_size;
} hdf5_header;

typedef struct hdf5_attribute {
  const uint8_t *name, *type, *value; /* in the message; the name ends with 0 */
  uint64_t element, count;            /* bytes of one value, and how many are there */
} hdf5_attribute;

mg_status hdf5_damaged(const char *path, const char *what);
mg_status hdf5_check_header(hdf5_header *header, uint64_t address);
/* Message bodies; io_hdf5_message.c. */
mg_status hdf5_parse_attribute(hdf5_attribute *out, const char *path, const uint8_t *body, uint64_t size);
mg_status hdf5_check_message(hdf5_header *header, unsigned kind, const uint8_t *body, uint64_t size);

#endif
