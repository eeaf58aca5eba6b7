/* io_hdf5.c: HDF5 files, on disk and in memory. A model file is data: nothing it says makes the library open another file, load a
 * filter plugin or follow a link elsewhere. */
#include "io_hdf5.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_SIZE = 1024 };

static _Thread_local char message[TEXT_SIZE];
static _Thread_local char reason[256];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int32_t mg_hdf5_abi(void) { return MG_ABI; }
const char *mg_hdf5_error(void) { return message; }

mg_status hdf5_fail(mg_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return status;
}

/* Of a failed system call libhdf5 tells times, addresses and sizes; the system's own words are enough. */
static herr_t keep_deepest(unsigned depth, const H5E_error2_t *error, void *unused) {
  (void)depth, (void)unused;
  static const char before[] = "error message = '";
  const char *text = error->desc ? error->desc : "", *words = strstr(text, before);
  if (words) text = words + sizeof before - 1;
  snprintf(reason, sizeof reason, "%.*s", (int)(words ? strcspn(text, "'") : strlen(text)), text);
  return 0;
}

/* To be asked before the next call of libhdf5, which forgets it. */
const char *hdf5_reason(void) {
  snprintf(reason, sizeof reason, "libhdf5 gives no reason");
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_deepest, NULL);
  return reason;
}

void hdf5_lock(void) {
  pthread_mutex_lock(&lock);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLset_loading_state(0);
}

void hdf5_unlock(int *unused) {
  (void)unused;
  pthread_mutex_unlock(&lock);
}

/* ---- files ---- */

static mg_status check_readable(int64_t *bytes, const char *path) {
  struct stat info;
  if (stat(path, &info) != 0)
    return hdf5_fail(errno == ENOENT || errno == ENOTDIR ? MG_ENOTFOUND : MG_EIO, "hdf5: %s: %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode)) return hdf5_fail(MG_EIO, "hdf5: %s is not a regular file", path);
  *bytes = (int64_t)info.st_size;
  return MG_OK;
}

static mg_status new_handle(mg_hdf5 **out, int writable) {
  *out = calloc(1, sizeof **out);
  if (!*out) return hdf5_fail(MG_ENOMEM, "hdf5: out of memory");
  **out = (mg_hdf5){.id = -1, .writable = writable, .descriptor = -1};
  return MG_OK;
}

static void drop(mg_hdf5 *file) {
  if (file->descriptor >= 0) close(file->descriptor);
  free(file);
}

static mg_status open_checked(mg_hdf5 *file, const char *path) {
  HDF5_TRY(check_readable(&file->bytes, path));
  file->descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (file->descriptor < 0) return hdf5_fail(MG_EIO, "hdf5: %s: %s", path, strerror(errno));
  HDF5_TRY(hdf5_check_start(file, path));
  file->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  return file->id >= 0 ? MG_OK : hdf5_fail(MG_EIO, "hdf5: cannot read %s: %s", path, hdf5_reason());
}

mg_status mg_hdf5_open(mg_hdf5 **out, const char *path) {
  HDF5_LOCKED;
  mg_hdf5 *file;
  if (!out || !path) return hdf5_fail(MG_EINVAL, "hdf5 open: out and path must not be NULL");
  HDF5_TRY(new_handle(&file, 0));
  mg_status status = open_checked(file, path);
  if (status == MG_OK) *out = file;
  else drop(file);
  return status;
}

/* libhdf5 takes two files in memory of one name for the same file. Under the lock. */
static const char *memory_name(void) {
  static char name[32];
  static unsigned long long count;
  snprintf(name, sizeof name, "moongate %llu", ++count);
  return name;
}

/* From and to memory by libhdf5's core driver, which keeps the whole file and touches no disk. */
static hid_t memory_access(const void *image, size_t bytes) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  int good = access >= 0 && H5Pset_fapl_core(access, 1 << 20, 0) >= 0 &&
             (!image || H5Pset_file_image(access, (void *)(uintptr_t)image, bytes) >= 0);
  if (good) return access;
  if (access >= 0) H5Pclose(access);
  return -1;
}

static mg_status open_image(mg_hdf5 *file, const void *data, int64_t bytes) {
  static const char path[] = "the file in memory";
  if (bytes < 1) return hdf5_fail(MG_EIO, "hdf5: %s is empty", path);
  file->image = data;
  file->bytes = bytes;
  HDF5_TRY(hdf5_check_start(file, path));
  hid_t access = memory_access(file->image, (size_t)bytes);
  if (access >= 0) file->id = H5Fopen(memory_name(), H5F_ACC_RDONLY, access);
  mg_status status = file->id >= 0 ? MG_OK : hdf5_fail(MG_EIO, "hdf5: cannot read %s: %s", path, hdf5_reason());
  if (access >= 0) H5Pclose(access);
  return status;
}

mg_status mg_hdf5_open_image(mg_hdf5 **out, const void *data, int64_t bytes) {
  HDF5_LOCKED;
  mg_hdf5 *file;
  if (!out || !data) return hdf5_fail(MG_EINVAL, "hdf5 open: out and data must not be NULL");
  HDF5_TRY(new_handle(&file, 0));
  mg_status status = open_image(file, data, bytes);
  if (status == MG_OK) *out = file;
  else drop(file);
  return status;
}

mg_status mg_hdf5_image(void *data, int64_t capacity, int64_t *bytes, mg_hdf5 *file) {
  HDF5_LOCKED;
  if (!bytes || !file || !file->writable) return hdf5_fail(MG_EINVAL, "hdf5 image: no file that was made, or bytes is NULL");
  ssize_t size = H5Fflush(file->id, H5F_SCOPE_LOCAL) >= 0 ? H5Fget_file_image(file->id, NULL, 0) : -1;
  if (size < 0) return hdf5_fail(MG_EIO, "hdf5: cannot write the file into memory: %s", hdf5_reason());
  *bytes = (int64_t)size;
  if (!data) return MG_OK;
  if (capacity < *bytes)
    return hdf5_fail(MG_EINVAL, "hdf5 image: room for %lld bytes, the file has %lld", (long long)capacity, (long long)*bytes);
  if (H5Fget_file_image(file->id, data, (size_t)size) == size) return MG_OK;
  return hdf5_fail(MG_EIO, "hdf5: cannot write the file into memory: %s", hdf5_reason());
}

mg_status mg_hdf5_create(mg_hdf5 **out, const char *path) {
  HDF5_LOCKED;
  if (!out) return hdf5_fail(MG_EINVAL, "hdf5 create: out must not be NULL");
  mg_hdf5 *file;
  HDF5_TRY(new_handle(&file, 1));
  hid_t access = path ? H5P_DEFAULT : memory_access(NULL, 0);
  if (access >= 0) file->id = H5Fcreate(path ? path : memory_name(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
  mg_status status = MG_OK;
  if (file->id >= 0) *out = file;
  else status = hdf5_fail(MG_EIO, "hdf5: cannot create %s: %s", path ? path : "a file in memory", hdf5_reason());
  if (!path && access >= 0) H5Pclose(access);
  if (status != MG_OK) drop(file);
  return status;
}

mg_status mg_hdf5_close(mg_hdf5 *file) {
  HDF5_LOCKED;
  if (!file) return hdf5_fail(MG_EINVAL, "hdf5 close: file is NULL");
  mg_status status = MG_OK;
  if (file->writable && H5Fflush(file->id, H5F_SCOPE_LOCAL) < 0)
    status = hdf5_fail(MG_EIO, "hdf5: cannot write the file out: %s", hdf5_reason());
  if (H5Fclose(file->id) < 0 && status == MG_OK)
    status = hdf5_fail(MG_EIO, "hdf5: cannot write the file out: %s", hdf5_reason());
  drop(file);
  return status;
}
