/* io_zip.c: zip archives through libzip, as a library of its own, moongate/zip. An archive is data: its names are only compared,
 * never used as paths, and what an entry claims is weighed against the file before memory is reserved for it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#include "moongate_files.h"

enum {
  TEXT_SIZE = 1024,
  SMALLEST = 22, /* bytes of an archive without entries */
  MOST_ENTRIES = 65536,
  LARGEST_RATIO = 1032,   /* deflate makes no byte out of less */
  ALWAYS_ALLOWED = 1 << 28, /* bytes that a packed archive may unpack to, however small it is */
  MOST_TIMES = 200,       /* or this many times its size */
};

struct mg_zip {
  zip_t *archive;
  int writable;
  int64_t bytes, count;
};

static _Thread_local char message[TEXT_SIZE];

int32_t mg_zip_abi(void) { return MG_ABI; }
const char *mg_zip_error(void) { return message; }

static mg_status __attribute__((format(printf, 2, 3))) fail(mg_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return status;
}

static mg_status fail_code(const char *what, const char *path, int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  fail(MG_EIO, "zip: cannot %s %s: %s", what, path, zip_error_strerror(&error));
  zip_error_fini(&error);
  return MG_EIO;
}

/* ---- reading ---- */

static mg_status check_entry(const zip_stat_t *entry, uint64_t index, int64_t file_bytes) {
  const zip_uint64_t needed =
      ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((entry->valid & needed) != needed) return fail(MG_EIO, "zip: entry %llu is damaged", (unsigned long long)index);
  const char *name = entry->name;
  if (entry->encryption_method != ZIP_EM_NONE) return fail(MG_EUNSUPPORTED, "zip: \"%.100s\" is encrypted", name);
  if (entry->comp_method != ZIP_CM_STORE && entry->comp_method != ZIP_CM_DEFLATE)
    return fail(MG_EUNSUPPORTED, "zip: \"%.100s\" is packed by method %d; stored and deflated entries are read", name,
                (int)entry->comp_method);
  if (entry->comp_size > (uint64_t)file_bytes)
    return fail(MG_EIO, "zip: \"%.100s\" claims %llu bytes in a file of %lld", name, (unsigned long long)entry->comp_size,
                (long long)file_bytes);
  uint64_t most = entry->comp_method == ZIP_CM_STORE ? entry->comp_size : entry->comp_size * LARGEST_RATIO;
  if (entry->size > most || (entry->comp_method == ZIP_CM_STORE && entry->size != entry->comp_size))
    return fail(MG_EIO, "zip: \"%.100s\" claims to hold %llu bytes in %llu", name, (unsigned long long)entry->size,
                (unsigned long long)entry->comp_size);
  return MG_OK;
}

/* Each entry by itself, and all together: no byte of the file is in two of them, and they unpack to a bearable size. */
static mg_status check_all(mg_zip *file, const char *path) {
  uint64_t packed = 0, unpacked = 0, most = (uint64_t)file->bytes * MOST_TIMES;
  for (int64_t i = 0; i < file->count; i++) {
    zip_stat_t entry;
    if (zip_stat_index(file->archive, (zip_uint64_t)i, 0, &entry) != 0)
      return fail(MG_EIO, "zip: %s: %s", path, zip_strerror(file->archive));
    mg_status status = check_entry(&entry, (uint64_t)i, file->bytes);
    if (status != MG_OK) return status;
    packed += entry.comp_size;
    unpacked += entry.size;
    if (packed > (uint64_t)file->bytes) return fail(MG_EIO, "zip: %s: its entries overlap", path);
    if (unpacked > ALWAYS_ALLOWED && unpacked > most)
      return fail(MG_EINVAL, "zip: %s: %lld bytes would unpack to more than %d times their size", path, (long long)file->bytes,
                  MOST_TIMES);
  }
  return MG_OK;
}

static mg_status open_archive(mg_zip *file, const char *path) {
  struct stat info;
  int code = 0;
  if (stat(path, &info) != 0)
    return fail(errno == ENOENT || errno == ENOTDIR ? MG_ENOTFOUND : MG_EIO, "zip: %s: %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode)) return fail(MG_EIO, "zip: %s is not a regular file", path);
  file->bytes = (int64_t)info.st_size;
  if (file->bytes < SMALLEST) return fail(MG_EIO, "zip: cannot read %s: Not a zip archive", path);
  file->archive = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
  if (!file->archive) return fail_code("read", path, code);
  file->count = (int64_t)zip_get_num_entries(file->archive, 0);
  if (file->count < 0 || file->count > MOST_ENTRIES)
    return fail(MG_EINVAL, "zip: %s has %lld entries, %d at most", path, (long long)file->count, MOST_ENTRIES);
  return check_all(file, path);
}

static void discard(mg_zip *file) {
  if (file->archive) zip_discard(file->archive);
  free(file);
}

mg_status mg_zip_open(mg_zip **out, const char *path) {
  if (!out || !path) return fail(MG_EINVAL, "zip open: out and path must not be NULL");
  mg_zip *file = calloc(1, sizeof *file);
  if (!file) return fail(MG_ENOMEM, "zip: out of memory");
  mg_status status = open_archive(file, path);
  if (status == MG_OK) *out = file;
  else discard(file);
  return status;
}

mg_status mg_zip_count(int64_t *count, mg_zip *file) {
  if (!count || !file) return fail(MG_EINVAL, "zip count: count and file must not be NULL");
  *count = file->count;
  return MG_OK;
}

static mg_status stat_entry(zip_stat_t *entry, mg_zip *file, int64_t index) {
  if (!file || file->writable) return fail(MG_EINVAL, "zip: no file that is open for reading");
  if (index < 0 || index >= file->count)
    return fail(MG_EINVAL, "zip: entry %lld of %lld", (long long)index, (long long)file->count);
  if (zip_stat_index(file->archive, (zip_uint64_t)index, 0, entry) == 0) return MG_OK;
  return fail(MG_EIO, "zip: entry %lld: %s", (long long)index, zip_strerror(file->archive));
}

mg_status mg_zip_entry(char *name, int64_t capacity, int64_t *bytes, mg_zip *file, int64_t index) {
  zip_stat_t entry;
  if (!name || !bytes) return fail(MG_EINVAL, "zip entry: name and bytes must not be NULL");
  mg_status status = stat_entry(&entry, file, index);
  if (status != MG_OK) return status;
  size_t length = strlen(entry.name);
  if (capacity < 1 || length >= (size_t)capacity)
    return fail(MG_EINVAL, "zip: a name of %zu bytes, room is for %lld", length, (long long)capacity - 1);
  memcpy(name, entry.name, length + 1);
  *bytes = (int64_t)entry.size;
  return MG_OK;
}

/* All bytes, then the end: libzip compares the checksum there. */
static mg_status read_bytes(uint8_t *data, int64_t bytes, zip_file_t *entry, const char *name) {
  int64_t got = 0, more = 1;
  uint8_t beyond;
  while (got < bytes && (more = zip_fread(entry, data + got, (zip_uint64_t)(bytes - got))) > 0) got += more;
  if (got == bytes) more = zip_fread(entry, &beyond, 1);
  if (got == bytes && more == 0) return MG_OK;
  if (more < 0) return fail(MG_EIO, "zip: \"%.100s\": %s", name, zip_file_strerror(entry));
  return fail(MG_EIO, "zip: \"%.100s\" does not hold the %lld bytes it claims", name, (long long)bytes);
}

mg_status mg_zip_read(void *data, int64_t bytes, mg_zip *file, int64_t index) {
  zip_stat_t entry;
  if (!data && bytes != 0) return fail(MG_EINVAL, "zip read: data is NULL");
  mg_status status = stat_entry(&entry, file, index);
  if (status != MG_OK) return status;
  if (bytes < 0 || (uint64_t)bytes != entry.size)
    return fail(MG_EINVAL, "zip: \"%.100s\" has %llu bytes, memory is for %lld", entry.name, (unsigned long long)entry.size,
                (long long)bytes);
  zip_file_t *opened = zip_fopen_index(file->archive, (zip_uint64_t)index, 0);
  if (!opened) return fail(MG_EIO, "zip: \"%.100s\": %s", entry.name, zip_strerror(file->archive));
  status = read_bytes(data, bytes, opened, entry.name);
  zip_fclose(opened);
  return status;
}

/* ---- writing ---- */

mg_status mg_zip_create(mg_zip **out, const char *path) {
  int code = 0;
  if (!out || !path) return fail(MG_EINVAL, "zip create: out and path must not be NULL");
  mg_zip *file = calloc(1, sizeof *file);
  if (!file) return fail(MG_ENOMEM, "zip: out of memory");
  file->writable = 1;
  file->archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (file->archive) {
    *out = file;
    return MG_OK;
  }
  free(file);
  return fail_code("create", path, code);
}

mg_status mg_zip_add(mg_zip *file, const char *name, const void *data, int64_t bytes, int32_t packed) {
  if (!file || !file->writable) return fail(MG_EINVAL, "zip add: no file that is open for writing");
  if (!name || !*name || (!data && bytes) || bytes < 0) return fail(MG_EINVAL, "zip add: name and data must not be NULL or empty");
  zip_source_t *source = zip_source_buffer(file->archive, data, (zip_uint64_t)bytes, 0);
  zip_int64_t index = source ? zip_file_add(file->archive, name, source, ZIP_FL_ENC_UTF_8) : -1;
  if (index < 0) {
    if (source) zip_source_free(source);
    return fail(MG_EIO, "zip: cannot add \"%.100s\": %s", name, zip_strerror(file->archive));
  }
  if (zip_set_file_compression(file->archive, (zip_uint64_t)index, packed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0) != 0)
    return fail(MG_EIO, "zip: cannot add \"%.100s\": %s", name, zip_strerror(file->archive));
  file->count++;
  return MG_OK;
}

mg_status mg_zip_close(mg_zip *file) {
  if (!file) return fail(MG_EINVAL, "zip close: file is NULL");
  if (file->writable && zip_close(file->archive) != 0) {
    fail(MG_EIO, "zip: cannot write the file out: %s", zip_strerror(file->archive));
    discard(file);
    return MG_EIO;
  }
  if (file->writable) file->archive = NULL;
  discard(file);
  return MG_OK;
}

mg_status mg_zip_discard(mg_zip *file) {
  if (!file) return fail(MG_EINVAL, "zip discard: file is NULL");
  discard(file);
  return MG_OK;
}
