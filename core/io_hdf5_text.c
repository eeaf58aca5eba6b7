/* io_hdf5_text.c: string attributes, one text each, of fixed length. A text of variable length lies in a global heap, and libhdf5
 * (1.10.8 among others) takes the sizes in such a heap on trust: a damaged one makes it read past its memory or go round for ever.
 * So none is written here and none is read. */
#include <stdlib.h>
#include <string.h>

#include "io_hdf5.h"

enum { LARGEST_TEXT = 60000 }; /* an object header has room for 64 KiB with all that belongs to the attribute */

static mg_status give_text(char *text, int64_t capacity, int64_t *size, const char *value, int64_t length) {
  *size = length;
  if (!text) return MG_OK;
  if (capacity <= length)
    return hdf5_fail(MG_EINVAL, "hdf5: a text of %lld bytes needs more room than %lld", (long long)length, (long long)capacity);
  memcpy(text, value, (size_t)length);
  text[length] = 0;
  return MG_OK;
}

static mg_status read_fixed(char *text, int64_t capacity, int64_t *size, hid_t attribute, hid_t type, const char *name) {
  size_t length = H5Tget_size(type);
  if (length > LARGEST_TEXT) return hdf5_fail(MG_EINVAL, "hdf5: attribute %s claims %zu bytes", name, length);
  char *value = malloc(length + 1);
  if (!value) return hdf5_fail(MG_ENOMEM, "hdf5: out of memory");
  mg_status status = MG_EIO;
  if (H5Aread(attribute, type, value) < 0) {
    hdf5_fail(status, "hdf5: cannot read attribute %s: %s", name, hdf5_reason());
  } else {
    value[length] = 0;
    int64_t used = (int64_t)strlen(value);
    while (H5Tget_strpad(type) == H5T_STR_SPACEPAD && used > 0 && value[used - 1] == ' ') used--;
    status = give_text(text, capacity, size, value, used);
  }
  free(value);
  return status;
}

static mg_status read_text(char *text, int64_t capacity, int64_t *size, hid_t attribute, const char *name) {
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  mg_status status;
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
    status = hdf5_fail(MG_EDTYPE, "hdf5: attribute %s is not one text", name);
  else if (H5Tis_variable_str(type) != 0)
    status = hdf5_fail(MG_EUNSUPPORTED, "hdf5: attribute %s is text of variable length, which is not read since a damaged file "
                       "could crash libhdf5 by it; save the file anew with text of fixed length", name);
  else status = read_fixed(text, capacity, size, attribute, type, name);
  H5Sclose(space);
  H5Tclose(type);
  return status;
}

mg_status mg_hdf5_read_attribute(char *text, int64_t capacity, int64_t *size, mg_hdf5 *file, const char *path, const char *name) {
  HDF5_LOCKED;
  hid_t object, attribute;
  if (!size || !name) return hdf5_fail(MG_EINVAL, "hdf5 attribute: size and name must not be NULL");
  HDF5_TRY(hdf5_object(&object, file, path));
  mg_status status;
  if (H5Aexists(object, name) <= 0) {
    status = hdf5_fail(MG_ENOTFOUND, "hdf5: %s has no attribute %s", path, name);
  } else if ((attribute = H5Aopen(object, name, H5P_DEFAULT)) < 0) {
    status = hdf5_fail(MG_EIO, "hdf5: cannot open attribute %s of %s: %s", name, path, hdf5_reason());
  } else {
    status = read_text(text, capacity, size, attribute, name);
    H5Aclose(attribute);
  }
  H5Oclose(object);
  return status;
}

static int write_text(hid_t object, const char *name, const char *text, size_t length) {
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, length ? length : 1); /* an empty text is one NUL */
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  if (H5Aexists(object, name) > 0) H5Adelete(object, name);
  hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  int good = attribute >= 0 && H5Awrite(attribute, type, text) >= 0;
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
  return good;
}

mg_status mg_hdf5_write_attribute(mg_hdf5 *file, const char *path, const char *name, const char *text) {
  HDF5_LOCKED;
  hid_t object;
  if (!name || !*name || !text) return hdf5_fail(MG_EINVAL, "hdf5 attribute: name and text must not be NULL or empty");
  size_t length = strlen(text);
  if (length > LARGEST_TEXT) return hdf5_fail(MG_EINVAL, "hdf5 attribute: a text of %zu bytes; %d at most", length, LARGEST_TEXT);
  HDF5_TRY(hdf5_check_writable(file, path));
  HDF5_TRY(hdf5_object(&object, file, path));
  int good = write_text(object, name, text, length);
  mg_status status = good ? MG_OK : hdf5_fail(MG_EIO, "hdf5: cannot write attribute %s of %s: %s", name, path, hdf5_reason());
  H5Oclose(object);
  return status;
}
