/* io_hdf5_data.c: datasets. What a dataset claims is checked against what the file holds before anyone
 * reserves memory for it. */
#include <stdlib.h>
#include <string.h>

#include "io_hdf5.h"

static hid_t memory_type(int32_t dtype) {
  switch (dtype) {
    case MG_FLOAT32: return H5T_NATIVE_FLOAT;
    case MG_FLOAT64: return H5T_NATIVE_DOUBLE;
    case MG_INT32: return H5T_NATIVE_INT32;
    case MG_UINT8: return H5T_NATIVE_UINT8;
    case MG_INT64: return H5T_NATIVE_INT64;
    case MG_UINT32: return H5T_NATIVE_UINT32;
    default: return -1;
  }
}

static hid_t file_type(int32_t dtype) {
  switch (dtype) {
    case MG_FLOAT32: return H5T_IEEE_F32LE;
    case MG_FLOAT64: return H5T_IEEE_F64LE;
    case MG_INT32: return H5T_STD_I32LE;
    case MG_UINT8: return H5T_STD_U8LE;
    case MG_INT64: return H5T_STD_I64LE;
    case MG_UINT32: return H5T_STD_U32LE;
    default: return -1;
  }
}

static int64_t bytes_of(int32_t dtype) {
  if (dtype == MG_UINT8) return 1;
  return dtype == MG_FLOAT64 || dtype == MG_INT64 ? 8 : 4;
}

/* The nearest of our types that holds what the file's type holds; 0: none. Booleans of h5py are enumerations of one byte. */
static int32_t nearest_dtype(hid_t type) {
  size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_FLOAT: return size <= 4 ? MG_FLOAT32 : size <= 16 ? MG_FLOAT64 : 0;
    case H5T_ENUM: return size == 1 ? MG_UINT8 : 0;
    case H5T_STRING: return MG_STRING;
    case H5T_INTEGER:
      if (size > 8) return 0;
      if (H5Tget_sign(type) == H5T_SGN_2) return size <= 4 ? MG_INT32 : MG_INT64;
      return size == 1 ? MG_UINT8 : size < 4 ? MG_INT32 : size == 4 ? MG_UINT32 : MG_INT64;
    default: return 0;
  }
}

/* ---- reading ---- */

typedef struct dataset {
  hid_t id, type, space;
  int32_t dtype, ndim;
  int64_t shape[MG_MAX_DIMS], count;
} dataset;

static void close_dataset(dataset *d) {
  if (d->space >= 0) H5Sclose(d->space);
  if (d->type >= 0) H5Tclose(d->type);
  H5Oclose(d->id);
}

static mg_status read_shape(dataset *d, const char *path) {
  hsize_t sizes[H5S_MAX_RANK];
  H5S_class_t class = H5Sget_simple_extent_type(d->space);
  int ndim = class == H5S_SIMPLE || class == H5S_SCALAR ? H5Sget_simple_extent_ndims(d->space) : -1;
  if (ndim < 0 || ndim > MG_MAX_DIMS)
    return hdf5_fail(MG_ESHAPE, "hdf5: %s has %d dimensions; expected 0..%d", path, ndim, MG_MAX_DIMS);
  H5Sget_simple_extent_dims(d->space, sizes, NULL);
  d->ndim = ndim;
  d->count = 1;
  for (int i = 0; i < ndim; i++) {
    if (sizes[i] > INT64_MAX / 16 || __builtin_mul_overflow(d->count, (int64_t)sizes[i], &d->count) || d->count > INT64_MAX / 16)
      return hdf5_fail(MG_ENOMEM, "hdf5: %s claims more elements than fit into memory", path);
    d->shape[i] = (int64_t)sizes[i];
  }
  return MG_OK;
}

/* As much data in the file as the shape says; how they lie there was checked before the dataset was opened. */
static mg_status check_storage(const dataset *d, const mg_hdf5 *file, const char *path) {
  int64_t claimed;
  if (__builtin_mul_overflow(d->count, (int64_t)H5Tget_size(d->type), &claimed)) claimed = INT64_MAX;
  hsize_t stored = H5Dget_storage_size(d->id);
  if (!file->writable && stored > (hsize_t)file->bytes)
    return hdf5_fail(MG_EIO, "hdf5: %s claims %llu bytes in a file of %lld; the file is damaged or cut short", path,
                     (unsigned long long)stored, (long long)file->bytes);
  if (claimed > HDF5_NEVER_WRITTEN_BYTES && (uint64_t)claimed > stored)
    return hdf5_fail(MG_EINVAL, "hdf5: %s claims %lld bytes but the file holds only %llu of it", path, (long long)claimed,
                     (unsigned long long)stored);
  return MG_OK;
}

static mg_status describe(dataset *d, const mg_hdf5 *file, const char *path) {
  d->type = H5Dget_type(d->id);
  d->space = H5Dget_space(d->id);
  if (d->type < 0 || d->space < 0) return hdf5_fail(MG_EIO, "hdf5: cannot read %s: %s", path, hdf5_reason());
  d->dtype = nearest_dtype(d->type);
  if (d->dtype == 0) return hdf5_fail(MG_EDTYPE, "hdf5: %s holds elements of a kind that has no place here", path);
  HDF5_TRY(read_shape(d, path));
  return check_storage(d, file, path);
}

static mg_status open_dataset(dataset *d, mg_hdf5 *file, const char *path) {
  *d = (dataset){.id = -1, .type = -1, .space = -1};
  HDF5_TRY(hdf5_object(&d->id, file, path));
  mg_status status = H5Iget_type(d->id) == H5I_DATASET ? describe(d, file, path)
                                                       : hdf5_fail(MG_EINVAL, "hdf5: %s is not a dataset", path);
  if (status != MG_OK) close_dataset(d);
  return status;
}

mg_status mg_hdf5_shape(int32_t *dtype, int32_t *ndim, int64_t *shape, mg_hdf5 *file, const char *path) {
  HDF5_LOCKED;
  dataset d;
  if (!dtype || !ndim || !shape) return hdf5_fail(MG_EINVAL, "hdf5 shape: dtype, ndim and shape must not be NULL");
  HDF5_TRY(open_dataset(&d, file, path));
  *dtype = d.dtype;
  *ndim = d.ndim;
  memcpy(shape, d.shape, sizeof(int64_t) * (size_t)d.ndim);
  close_dataset(&d);
  return MG_OK;
}

static mg_status read_elements(void *data, int64_t bytes, const dataset *d, const char *path, int32_t dtype) {
  if (d->dtype == MG_STRING) return hdf5_fail(MG_EDTYPE, "hdf5: %s holds text, numbers are expected", path);
  if (bytes != d->count * bytes_of(dtype))
    return hdf5_fail(MG_ESHAPE, "hdf5: %s has %lld elements of %lld bytes, memory is for %lld bytes", path, (long long)d->count,
                     (long long)bytes_of(dtype), (long long)bytes);
  if (d->count == 0) return MG_OK;
  if (H5Dread(d->id, memory_type(dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    return hdf5_fail(MG_EIO, "hdf5: cannot read %s: %s", path, hdf5_reason());
  return MG_OK;
}

mg_status mg_hdf5_read(void *data, int64_t bytes, mg_hdf5 *file, const char *path, int32_t dtype) {
  HDF5_LOCKED;
  dataset d;
  if (!data && bytes != 0) return hdf5_fail(MG_EINVAL, "hdf5 read: data is NULL");
  if (memory_type(dtype) < 0) return hdf5_fail(MG_EDTYPE, "hdf5 read: unknown dtype %d", (int)dtype);
  HDF5_TRY(open_dataset(&d, file, path));
  mg_status status = read_elements(data, bytes, &d, path, dtype);
  close_dataset(&d);
  return status;
}

/* ---- writing: contiguous, little-endian, without time stamps, as h5py does ---- */

static mg_status check_sizes(int32_t ndim, const int64_t *shape, int64_t *count) {
  *count = 1;
  if (ndim < 0 || ndim > MG_MAX_DIMS || (ndim > 0 && !shape)) return hdf5_fail(MG_ESHAPE, "hdf5 write: %d dimensions", (int)ndim);
  for (int i = 0; i < ndim; i++)
    if (shape[i] < 0 || __builtin_mul_overflow(*count, shape[i], count) || *count > INT64_MAX / 16)
      return hdf5_fail(MG_ESHAPE, "hdf5 write: size %lld of axis %d", (long long)shape[i], i);
  return MG_OK;
}

static mg_status write_elements(hid_t group, const char *name, const char *path, int32_t dtype, hid_t space, int64_t count,
                                const void *data) {
  if (H5Lexists(group, name, H5P_DEFAULT) > 0) return hdf5_fail(MG_EINVAL, "hdf5: %s is there already", path);
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(plist, 0);
  hid_t id = H5Dcreate2(group, name, file_type(dtype), space, H5P_DEFAULT, plist, H5P_DEFAULT);
  int good = id >= 0 && (!count || H5Dwrite(id, memory_type(dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  mg_status status = good ? MG_OK : hdf5_fail(MG_EIO, "hdf5: cannot write %s: %s", path, hdf5_reason());
  H5Pclose(plist);
  if (id >= 0 && H5Dclose(id) < 0 && good) return hdf5_fail(MG_EIO, "hdf5: cannot write %s: %s", path, hdf5_reason());
  return status;
}

mg_status mg_hdf5_write(mg_hdf5 *file, const char *path, int32_t dtype, int32_t ndim, const int64_t *shape, const void *data) {
  HDF5_LOCKED;
  hid_t group;
  const char *name;
  hsize_t sizes[MG_MAX_DIMS];
  int64_t count;
  HDF5_TRY(hdf5_check_writable(file, path));
  if (memory_type(dtype) < 0) return hdf5_fail(MG_EDTYPE, "hdf5 write: unknown dtype %d", (int)dtype);
  HDF5_TRY(check_sizes(ndim, shape, &count));
  if (!data && count) return hdf5_fail(MG_EINVAL, "hdf5 write: data is NULL");
  for (int i = 0; i < ndim; i++) sizes[i] = (hsize_t)shape[i];
  HDF5_TRY(hdf5_parent(&group, &name, file, path));
  hid_t space = ndim ? H5Screate_simple(ndim, sizes, NULL) : H5Screate(H5S_SCALAR);
  mg_status status = write_elements(group, name, path, dtype, space, count, data);
  H5Sclose(space);
  H5Oclose(group);
  return status;
}
