/* io_hdf5_message.c: the messages of an object header, before libhdf5 decodes them. What is no part of a model file is refused. */
#include <stdlib.h>
#include <string.h>

#include "io_hdf5_check.h"

enum { LARGEST_RANK = 32, LARGEST_ELEMENT = 1 << 16 };

static uint64_t padded(uint64_t size) { return (size + 7) & ~(uint64_t)7; }

/* ---- shapes: version, rank, flags; then the sizes, and the largest sizes when bit 0 of the flags says so ---- */

static mg_status check_space(uint64_t *elements, const char *path, const uint8_t *body, uint64_t size) {
  if (size < 4 || body[0] < 1 || body[0] > 2 || body[1] > LARGEST_RANK || body[2] > 1) return hdf5_damaged(path, "a shape");
  uint64_t rank = body[1], at = body[0] == 1 ? 8 : 4;
  if (size < at + rank * 8 * (body[2] ? 2 : 1)) return hdf5_damaged(path, "a shape");
  *elements = body[0] == 2 && body[3] == 2 ? 0 : 1;
  for (uint64_t i = 0; i < rank; i++)
    if (__builtin_mul_overflow(*elements, hdf5_number(body + at + 8 * i, 8), elements)) *elements = UINT64_MAX;
  return MG_OK;
}

/* ---- types: version and class, 3 bytes of flags, size; then what the class has to say ---- */

static mg_status check_enum(const char *path, const uint8_t *body, uint64_t size) {
  uint64_t members = hdf5_number(body + 1, 2), at = 20;
  if (size < 20 || hdf5_number(body + 4, 4) != 1 || (body[8] & 15) != KIND_INTEGER || hdf5_number(body + 12, 4) != 1)
    return hdf5_fail(MG_EDTYPE, "hdf5: %s holds elements of a kind that has no place here", path);
  for (uint64_t i = 0; i < members; i++) {
    const uint8_t *end = at < size ? memchr(body + at, 0, size - at) : NULL;
    if (!end) return hdf5_damaged(path, "the names of an enumeration");
    uint64_t length = (uint64_t)(end - (body + at)) + 1;
    at += body[0] >> 4 < 3 ? padded(length) : length;
  }
  return at <= size && size - at >= members ? MG_OK : hdf5_damaged(path, "the values of an enumeration");
}

/* IEEE 754: bits of the fraction and of the exponent, its bias. */
static int is_ieee(const uint8_t *body) {
  uint64_t size = hdf5_number(body + 4, 4), fraction = size == 2 ? 10 : size == 4 ? 23 : 52, bits = 8 * size;
  uint64_t bias = size == 2 ? 15 : size == 4 ? 127 : 1023;
  return (size == 2 || size == 4 || size == 8) && (body[1] & 0xfe) == 0x20 && body[2] == bits - 1 &&
         hdf5_number(body + 8, 2) == 0 && hdf5_number(body + 10, 2) == bits &&
         body[12] == fraction && body[13] == bits - 1 - fraction && body[14] == 0 &&
         body[15] == fraction && hdf5_number(body + 16, 4) == bias;
}

static mg_status check_type(uint64_t *element, const char *path, const uint8_t *body, uint64_t size) {
  if (size < 8 || body[0] >> 4 < 1 || body[0] >> 4 > 3) return hdf5_damaged(path, "a type");
  *element = hdf5_number(body + 4, 4);
  int kind = body[0] & 15, good = 0;
  if (*element < 1 || *element > LARGEST_ELEMENT) return hdf5_damaged(path, "the size of a type");
  switch (kind) {
    case KIND_STRING: return MG_OK;
    case KIND_ENUM:
      HDF5_TRY(check_enum(path, body, size));
      return check_type(&(uint64_t){0}, path, body + 8, size - 8);
    case KIND_INTEGER:
      good = size >= 12 && (*element == 1 || *element == 2 || *element == 4 || *element == 8) && hdf5_number(body + 8, 2) == 0 &&
             hdf5_number(body + 10, 2) == 8 * *element && body[1] < 16;
      break;
    case KIND_FLOAT: good = size >= 20 && is_ieee(body); break;
    case KIND_VARIABLE: /* of text: of bytes or characters */
      good = size >= 16 && *element == HDF5_REFERENCE_BYTES && (body[1] & 15) == 1 && hdf5_number(body + 12, 4) == 1 &&
             ((body[8] & 15) == KIND_STRING || ((body[8] & 15) == KIND_INTEGER && size >= 20));
      return good ? check_type(&(uint64_t){0}, path, body + 8, size - 8) : hdf5_damaged(path, "a type of variable length");
    default: break;
  }
  return good ? MG_OK : hdf5_fail(MG_EDTYPE, "hdf5: %s holds elements of a kind that has no place here", path);
}

/* ---- attributes: version, sizes of name, type and shape; then these and the value ---- */

mg_status hdf5_parse_attribute(hdf5_attribute *out, const char *path, const uint8_t *body, uint64_t size) {
  if (size < 16 || body[0] < 1 || body[0] > 3 || body[1] != 0) return hdf5_damaged(path, "an attribute");
  uint64_t at = body[0] == 3 ? 9 : 8, bytes, part[3];
  for (int i = 0; i < 3; i++) part[i] = hdf5_number(body + 2 + 2 * i, 2);
  uint64_t name = part[0];
  for (int i = 0; i < 3; i++)
    if (body[0] == 1) part[i] = padded(part[i]);
  if (at + part[0] + part[1] + part[2] > size || name < 2 || !memchr(body + at, 0, name))
    return hdf5_damaged(path, "an attribute");
  out->name = body + at;
  out->type = body + at + part[0];
  HDF5_TRY(check_type(&out->element, path, out->type, part[1]));
  HDF5_TRY(check_space(&out->count, path, out->type + part[1], part[2]));
  at += part[0] + part[1] + part[2];
  out->value = body + at;
  int misfit = __builtin_mul_overflow(out->element, out->count, &bytes) || bytes > size - at;
  return misfit ? hdf5_damaged(path, "the value of an attribute") : MG_OK;
}

static mg_status check_attribute(hdf5_header *header, const uint8_t *body, uint64_t size) {
  hdf5_attribute parsed;
  HDF5_TRY(hdf5_parse_attribute(&parsed, header->path, body, size));
  if (!header->wanted || header->attribute || strcmp((const char *)parsed.name, header->wanted) != 0) return MG_OK;
  header->attribute = malloc(size);
  if (!header->attribute) return hdf5_fail(MG_ENOMEM, "hdf5: out of memory");
  memcpy(header->attribute, body, size);
  header->attribute_size = size;
  return MG_OK;
}

/* ---- where the data are, and what is there when nothing was written ---- */

static mg_status elsewhere(const char *path) {
  return hdf5_fail(MG_EINVAL, "hdf5: %s keeps its data in other files; a model file must hold its own", path);
}

static mg_status check_layout(hdf5_header *header, const uint8_t *body, uint64_t size) {
  if (size < 4 || body[0] < 3) return hdf5_damaged(header->path, "a layout");
  if (body[1] == 3) return elsewhere(header->path);
  if (body[1] == 2)
    return hdf5_fail(MG_EUNSUPPORTED,
                     "hdf5: %s keeps its data in chunks, which are not read; write it in one piece (h5repack -l CONTI)",
                     header->path);
  if (body[0] != 3 || body[1] > 1) return hdf5_damaged(header->path, "a layout");
  if (body[1] == 0) {
    header->stored = hdf5_number(body + 2, 2);
    return header->stored <= size - 4 ? MG_OK : hdf5_damaged(header->path, "a layout");
  }
  if (size < 18) return hdf5_damaged(header->path, "a layout");
  uint64_t address = hdf5_number(body + 2, 8), end;
  header->stored = address == HDF5_NOWHERE ? HDF5_NOWHERE : hdf5_number(body + 10, 8);
  if (address != HDF5_NOWHERE && (__builtin_add_overflow(address, header->stored, &end) || end > (uint64_t)header->file->bytes))
    return hdf5_damaged(header->path, "the place of the data");
  return MG_OK;
}

static mg_status check_fill(hdf5_header *header, int old, const uint8_t *body, uint64_t size) {
  uint64_t at = 0;
  int given = 1;
  if (!old) {
    if (size < 4 || body[0] < 1 || body[0] > 3) return hdf5_damaged(header->path, "a fill value");
    given = body[0] == 1 || (body[0] == 2 ? body[3] : body[1] & 0x20);
    at = body[0] == 3 ? 2 : 4;
  }
  if (!given) return MG_OK;
  uint64_t length = at + 4 <= size ? hdf5_number(body + at, 4) : UINT64_MAX;
  if (length > size - at - 4 || at + 4 > size) return hdf5_damaged(header->path, "a fill value");
  if (length != 0 && header->fill_size != 0 && header->fill_size != length) return hdf5_damaged(header->path, "a fill value");
  if (length != 0) header->fill_size = length;
  return MG_OK;
}

static mg_status check_once(int *had, const char *path) {
  return ++*had == 1 ? MG_OK : hdf5_damaged(path, "a header that says the same twice");
}

mg_status hdf5_check_message(hdf5_header *header, unsigned kind, const uint8_t *body, uint64_t size) {
  switch (kind) {
    case 0x00: return MG_OK; /* a gap */
    case 0x01:
      HDF5_TRY(check_once(&header->has_space, header->path));
      return check_space(&header->elements, header->path, body, size);
    case 0x03:
      HDF5_TRY(check_once(&header->has_type, header->path));
      return check_type(&header->type_size, header->path, body, size);
    case 0x04: return check_fill(header, 1, body, size);
    case 0x05: return check_fill(header, 0, body, size);
    case 0x07: return elsewhere(header->path);
    case 0x08:
      HDF5_TRY(check_once(&header->has_layout, header->path));
      return check_layout(header, body, size);
    case 0x0b:
      return hdf5_fail(MG_EUNSUPPORTED, "hdf5: %s is packed, which is not read; write it in one piece as it is (h5repack -f NONE "
                       "-l CONTI)", header->path);
    case 0x0c: return check_attribute(header, body, size);
    case 0x0e: return size >= 16 ? MG_OK : hdf5_damaged(header->path, "a time");
    case 0x12: return size >= 8 && body[0] == 1 ? MG_OK : hdf5_damaged(header->path, "a time");
    case 0x11:
      HDF5_TRY(check_once(&header->has_group, header->path));
      if (size < 16) return hdf5_damaged(header->path, "a group");
      header->tree = hdf5_number(body, 8);
      header->heap = hdf5_number(body + 8, 8);
      return MG_OK;
    default:
      return hdf5_fail(MG_EUNSUPPORTED, "hdf5: %s is damaged, or made of parts (kind %u) that no model file has", header->path,
                       kind);
  }
}
