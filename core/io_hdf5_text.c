/* io_hdf5_text.c: attributes of text. They are read from the file's bytes, never by libhdf5: a text of variable length lies in a
 * global heap, and libhdf5 (1.10.8 among others) takes the sizes in such a heap on trust.
 * Source: HDF5 File Format Specification 1.1, III.E (global heap) and IV.A.2.d (types). */
#include <stdlib.h>
#include <string.h>

#include "io_hdf5_check.h"

enum { LARGEST_TEXT = 60000 }; /* an object header has room for 64 KiB with all that belongs to the attribute */
enum { HEAP_HEAD = 16, OBJECT_HEAD = 16, MOST_OBJECTS = 65536 };

/* Texts, each ended by 0, as they come together. */
typedef struct texts {
  const mg_hdf5 *file;
  const char *name;
  char *data;
  uint64_t size, room, limit;
  uint8_t *heap; /* the one collection that is at hand */
  uint64_t address, heap_size, heap_bytes; /* heap_bytes: of all collections that were read */
  uint64_t *places; /* [MOST_OBJECTS] where each object is in it, 0: none */
} texts;

static mg_status add(texts *t, const uint8_t *text, uint64_t length) {
  const uint8_t *end = memchr(text, 0, length);
  if (end) length = (uint64_t)(end - text);
  if (length + 1 > t->limit - t->size) return hdf5_damaged(t->name, "texts larger than the file");
  if (t->size + length + 1 > t->room) {
    uint64_t room = 2 * (t->size + length + 1);
    char *data = realloc(t->data, room);
    if (!data) return hdf5_fail(MG_ENOMEM, "hdf5: out of memory");
    t->data = data;
    t->room = room;
  }
  memcpy(t->data + t->size, text, length);
  t->data[t->size + length] = 0;
  t->size += length + 1;
  return MG_OK;
}

static mg_status add_fixed(texts *t, const hdf5_attribute *a) {
  int spaces = (a->type[1] & 15) == 2;
  for (uint64_t i = 0; i < a->count; i++) {
    const uint8_t *text = a->value + i * a->element;
    uint64_t length = a->element;
    while (spaces && length > 0 && text[length - 1] == ' ') length--;
    HDF5_TRY(add(t, text, length));
  }
  return MG_OK;
}

/* ---- collections: "GCOL", version 1, size; then objects: number, references, 4 bytes, size, bytes up to a multiple of 8. Number 0
 * is the room that is left, and the last. ---- */

static mg_status index_heap(texts *t) {
  uint64_t at = HEAP_HEAD;
  memset(t->places, 0, MOST_OBJECTS * sizeof *t->places);
  while (t->heap_size - at >= OBJECT_HEAD) {
    uint64_t number = hdf5_number(t->heap + at, 2), size = hdf5_number(t->heap + at + 8, 8), left = t->heap_size - at;
    if (number == 0) return MG_OK;
    if (size > left - OBJECT_HEAD || t->places[number]) return hdf5_damaged(t->name, "an object in a heap of texts");
    t->places[number] = at;
    size = OBJECT_HEAD + ((size + 7) & ~(uint64_t)7);
    if (size > left) return hdf5_damaged(t->name, "an object in a heap of texts");
    at += size;
  }
  return MG_OK;
}

static mg_status open_heap(texts *t, uint64_t address) {
  if (t->heap && t->address == address) return MG_OK;
  free(t->heap);
  t->heap = NULL;
  uint8_t *head = hdf5_bytes(t->file, address, HEAP_HEAD);
  if (!head || memcmp(head, "GCOL\1", 5) != 0) {
    free(head);
    return hdf5_damaged(t->name, "the place of a heap of texts");
  }
  t->heap_size = hdf5_number(head + 8, 8);
  free(head);
  if (t->heap_size < HEAP_HEAD || t->heap_size > t->limit - t->heap_bytes)
    return hdf5_damaged(t->name, "the size of a heap of texts");
  t->heap_bytes += t->heap_size;
  t->heap = hdf5_bytes(t->file, address, t->heap_size);
  if (!t->heap) return hdf5_damaged(t->name, "the size of a heap of texts");
  t->address = address;
  return index_heap(t);
}

static mg_status add_variable(texts *t, const uint8_t *reference) {
  uint64_t length = hdf5_number(reference, 4), address = hdf5_number(reference + 4, 8), number = hdf5_number(reference + 12, 4);
  if (length == 0) return add(t, reference, 0);
  HDF5_TRY(open_heap(t, address));
  uint64_t at = number < MOST_OBJECTS ? t->places[number] : 0;
  if (at == 0 || hdf5_number(t->heap + at + 8, 8) < length) return hdf5_damaged(t->name, "a text that is not in its heap");
  return add(t, t->heap + at + OBJECT_HEAD, length);
}

static mg_status collect(texts *t, const hdf5_attribute *a) {
  int kind = a->type[0] & 15;
  if (a->count == 0) return MG_OK;
  if (kind == KIND_STRING) return add_fixed(t, a);
  if (kind != KIND_VARIABLE) return hdf5_fail(MG_EDTYPE, "hdf5: attribute %s is not text", t->name);
  t->places = malloc(MOST_OBJECTS * sizeof *t->places);
  if (!t->places) return hdf5_fail(MG_ENOMEM, "hdf5: out of memory");
  mg_status status = MG_OK;
  for (uint64_t i = 0; status == MG_OK && i < a->count; i++) status = add_variable(t, a->value + i * HDF5_REFERENCE_BYTES);
  free(t->places);
  free(t->heap);
  return status;
}

static mg_status read_texts(texts *t, int64_t *count, uint64_t address, const char *path) {
  hdf5_header header = {.file = t->file, .path = path, .wanted = t->name};
  hdf5_attribute a;
  mg_status status = hdf5_check_header(&header, address);
  if (status == MG_OK && !header.attribute) status = hdf5_fail(MG_ENOTFOUND, "hdf5: %s has no attribute %s", path, t->name);
  if (status == MG_OK) status = hdf5_parse_attribute(&a, path, header.attribute, header.attribute_size);
  if (status == MG_OK) status = collect(t, &a);
  if (status == MG_OK) *count = (int64_t)a.count;
  free(header.attribute);
  return status;
}

static mg_status give(char *text, int64_t capacity, int64_t *size, const texts *t) {
  *size = (int64_t)t->size;
  if (!text || t->size == 0) return MG_OK;
  if (capacity < *size)
    return hdf5_fail(MG_EINVAL, "hdf5: texts of %lld bytes need more room than %lld", (long long)*size, (long long)capacity);
  memcpy(text, t->data, t->size);
  return MG_OK;
}

mg_status mg_hdf5_read_texts(char *text, int64_t capacity, int64_t *size, int64_t *count, mg_hdf5 *file, const char *path,
                             const char *name) {
  HDF5_LOCKED;
  uint64_t address;
  if (!size || !count || !name) return hdf5_fail(MG_EINVAL, "hdf5 attribute: size, count and name must not be NULL");
  HDF5_TRY(hdf5_address(&address, file, path));
  texts t = {.file = file, .name = name, .limit = 16 * (uint64_t)file->bytes + (1 << 24)};
  mg_status status = read_texts(&t, count, address, path);
  if (status == MG_OK) status = give(text, capacity, size, &t);
  free(t.data);
  return status;
}

/* ---- writing: one text, of fixed length while an object header has room for it; or texts of the longest one's length ---- */

/* Closes type and space. */
static mg_status write_attribute(hid_t object, const char *path, const char *name, hid_t type, hid_t space, const void *value) {
  H5Tset_cset(type, H5T_CSET_UTF8);
  if (H5Aexists(object, name) > 0) H5Adelete(object, name);
  hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  int good = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
  mg_status status =
      good ? MG_OK : hdf5_fail(MG_EIO, "hdf5: cannot write attribute %.200s of %.200s: %s", name, path, hdf5_reason());
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
  return status;
}

static mg_status write_text(hid_t object, const char *path, const char *name, const char *text) {
  size_t length = strlen(text);
  int fixed = length <= LARGEST_TEXT;
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, !fixed ? H5T_VARIABLE : length ? length : 1); /* an empty text is one NUL */
  H5Tset_strpad(type, fixed ? H5T_STR_NULLPAD : H5T_STR_NULLTERM);
  return write_attribute(object, path, name, type, H5Screate(H5S_SCALAR), fixed ? (const void *)text : (const void *)&text);
}

mg_status mg_hdf5_write_attribute(mg_hdf5 *file, const char *path, const char *name, const char *text) {
  HDF5_LOCKED;
  hid_t object;
  if (!name || !*name || !text) return hdf5_fail(MG_EINVAL, "hdf5 attribute: name and text must not be NULL or empty");
  HDF5_TRY(hdf5_check_writable(file, path));
  HDF5_TRY(hdf5_object(&object, file, path));
  mg_status status = write_text(object, path, name, text);
  H5Oclose(object);
  return status;
}

mg_status mg_hdf5_write_texts(mg_hdf5 *file, const char *path, const char *name, const void *texts, int64_t width, int64_t count) {
  HDF5_LOCKED;
  hid_t object;
  if (!name || !*name || !texts) return hdf5_fail(MG_EINVAL, "hdf5 attribute: name and texts must not be NULL or empty");
  if (width < 1 || count < 1 || width > LARGEST_TEXT || count > LARGEST_TEXT / width)
    return hdf5_fail(MG_EINVAL, "hdf5 attribute: %lld texts of %lld bytes; %d bytes at most", (long long)count, (long long)width,
                     LARGEST_TEXT);
  HDF5_TRY(hdf5_check_writable(file, path));
  HDF5_TRY(hdf5_object(&object, file, path));
  hsize_t size = (hsize_t)count;
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, (size_t)width);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  mg_status status = write_attribute(object, path, name, type, H5Screate_simple(1, &size, NULL), texts);
  H5Oclose(object);
  return status;
}
