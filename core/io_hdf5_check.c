/* io_hdf5_check.c: the superblock, object headers and groups, before libhdf5 follows them. */
#include "io_hdf5_check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_MESSAGES = 4096, LARGEST_HEADER = 1 << 20, DEEPEST_TREE = 8, LARGEST_K = 1024 };

uint64_t hdf5_number(const uint8_t *bytes, int count) {
  uint64_t value = 0;
  for (int i = count - 1; i >= 0; i--) value = value << 8 | bytes[i];
  return value;
}

uint8_t *hdf5_bytes(const mg_hdf5 *file, uint64_t address, uint64_t count) {
  uint64_t end, got = 0;
  if (__builtin_add_overflow(address, count, &end) || end > (uint64_t)file->bytes) return NULL;
  uint8_t *bytes = malloc(count + 1);
  if (bytes && file->image) return memcpy(bytes, file->image + address, count);
  while (bytes && got < count) {
    ssize_t more = pread(file->descriptor, bytes + got, count - got, (off_t)(address + got));
    if (more <= 0) {
      free(bytes);
      return NULL;
    }
    got += (uint64_t)more;
  }
  return bytes;
}

mg_status hdf5_damaged(const char *path, const char *what) {
  return hdf5_fail(MG_EIO, "hdf5: %s is damaged, or the file cut short: %s", path, what);
}

/* ---- object headers: 16 bytes, then a block of messages; a message may lead to one more block ---- */

static mg_status check_block(hdf5_header *header, uint64_t address, uint64_t size);

static mg_status check_part(hdf5_header *header, unsigned kind, const uint8_t *body, uint64_t size) {
  if (kind != 0x10) return hdf5_check_message(header, kind, body, size);
  if (size < 16) return hdf5_damaged(header->path, "an object header");
  return check_block(header, hdf5_number(body, 8), hdf5_number(body + 8, 8));
}

static mg_status check_messages(hdf5_header *header, const uint8_t *block, uint64_t size) {
  uint64_t at = 0;
  while (at < size) {
    if (size - at < 8 || ++header->messages > MOST_MESSAGES) return hdf5_damaged(header->path, "an object header");
    uint64_t length = hdf5_number(block + at + 2, 2);
    /* bit 1: the message lies elsewhere; bits 3 and 7: whoever does not know it must fail */
    if (length > size - at - 8 || length % 8 != 0 || (block[at + 4] & ~5) != 0)
      return hdf5_damaged(header->path, "an object header");
    HDF5_TRY(check_part(header, (unsigned)hdf5_number(block + at, 2), block + at + 8, length));
    at += 8 + length;
  }
  return MG_OK;
}

static mg_status check_block(hdf5_header *header, uint64_t address, uint64_t size) {
  if (++header->blocks > 64) return hdf5_damaged(header->path, "an object header that leads back into itself");
  uint8_t *block = size <= LARGEST_HEADER ? hdf5_bytes(header->file, address, size) : NULL;
  mg_status status = block ? check_messages(header, block, size) : hdf5_damaged(header->path, "the place of an object header");
  free(block);
  return status;
}

static mg_status check_dataset(const hdf5_header *header) {
  uint64_t claimed;
  if (!header->has_layout) return header->has_type ? hdf5_damaged(header->path, "data without a place") : MG_OK;
  if (header->has_group || !header->has_type || !header->has_space) return hdf5_damaged(header->path, "a dataset");
  if (header->fill_size != 0 && header->fill_size != header->type_size) return hdf5_damaged(header->path, "a fill value");
  if (__builtin_mul_overflow(header->elements, header->type_size, &claimed)) claimed = UINT64_MAX;
  int refused_later = claimed > (uint64_t)header->file->bytes && claimed > HDF5_NEVER_WRITTEN_BYTES; /* with both sizes named */
  if (header->stored == HDF5_NOWHERE || claimed == header->stored || refused_later) return MG_OK;
  return hdf5_damaged(header->path, "the size of the data");
}

mg_status hdf5_check_header(hdf5_header *header, uint64_t address) {
  uint8_t *prefix = hdf5_bytes(header->file, address, 16);
  if (!prefix) return hdf5_damaged(header->path, "the place of an object header");
  int classic = prefix[0] == 1;
  uint64_t count = hdf5_number(prefix + 2, 2), size = hdf5_number(prefix + 8, 4);
  int newer = memcmp(prefix, "OHDR", 4) == 0;
  free(prefix);
  if (newer)
    return hdf5_fail(MG_EUNSUPPORTED, "hdf5: %s is in a format that Keras does not write; write it with libver=\"earliest\"",
                     header->path);
  if (!classic) return hdf5_damaged(header->path, "an object header");
  HDF5_TRY(check_block(header, address + 16, size));
  if ((uint64_t)header->messages != count) return hdf5_damaged(header->path, "the number of messages");
  return check_dataset(header);
}

/* ---- groups: names in a heap, a tree of nodes that lead to lists of names and addresses ---- */

typedef struct group {
  const mg_hdf5 *file;
  const char *path;
  uint8_t *names;
  uint64_t size, lists; /* bytes of the names; of the lists so far */
  uint64_t right[DEEPEST_TREE + 1], before[DEEPEST_TREE + 1]; /* by level: what the node seen last has at its right, and itself */
} group;

static mg_status check_free_list(const group *g, uint64_t at) {
  uint64_t left = g->size;
  while (at != 1) {
    if (at > g->size || g->size - at < 16) return hdf5_damaged(g->path, "the free list of the names");
    uint64_t length = hdf5_number(g->names + at + 8, 8);
    if (length < 16 || length > left || length > g->size - at) return hdf5_damaged(g->path, "the free list of the names");
    left -= length;
    at = hdf5_number(g->names + at, 8);
  }
  return MG_OK;
}

static mg_status read_names(group *g, uint64_t address) {
  uint8_t *head = hdf5_bytes(g->file, address, 32);
  if (!head || memcmp(head, "HEAP\0", 5) != 0) {
    free(head);
    return hdf5_damaged(g->path, "the heap of the names");
  }
  uint64_t first = hdf5_number(head + 16, 8), place = hdf5_number(head + 24, 8);
  g->size = hdf5_number(head + 8, 8);
  free(head);
  g->names = hdf5_bytes(g->file, place, g->size);
  if (!g->names || g->size == 0) return hdf5_damaged(g->path, "the heap of the names");
  return check_free_list(g, first);
}

static int is_name(const group *g, uint64_t offset) {
  if (offset >= g->size) return 0;
  uint64_t rest = g->size - offset;
  return memchr(g->names + offset, 0, rest < HDF5_LONGEST_NAME ? rest : HDF5_LONGEST_NAME) != NULL;
}

static mg_status check_list(group *g, uint64_t address) {
  uint64_t room = 2 * (uint64_t)g->file->leaf_k;
  uint8_t *list = hdf5_bytes(g->file, address, 8 + 40 * room);
  uint64_t count = list ? hdf5_number(list + 6, 2) : 0;
  g->lists += 8 + 40 * room; /* more than the file holds: some list is in the tree more than once */
  int good = list && memcmp(list, "SNOD\1", 5) == 0 && count <= room && g->lists <= (uint64_t)g->file->bytes;
  for (uint64_t i = 0; good && i < count; i++) {
    const uint8_t *entry = list + 8 + 40 * i;
    uint64_t cached = hdf5_number(entry + 16, 4);
    good = is_name(g, hdf5_number(entry, 8)) && cached <= 2;
    if (cached == 1)
      good = good && hdf5_number(entry + 24, 8) < (uint64_t)g->file->bytes && hdf5_number(entry + 32, 8) < (uint64_t)g->file->bytes;
    if (cached == 2) good = good && is_name(g, hdf5_number(entry + 24, 4));
  }
  free(list);
  return good ? MG_OK : hdf5_damaged(g->path, "a list of names");
}

static mg_status check_node(group *g, uint64_t address, int level);

static mg_status check_children(group *g, const uint8_t *node, uint64_t address, int level) {
  uint64_t count = hdf5_number(node + 6, 2), last = 0;
  int at = node[5];
  if (memcmp(node, "TREE\0", 5) != 0 || at > DEEPEST_TREE || (level >= 0 && at != level) ||
      count > 2 * (uint64_t)g->file->internal_k)
    return hdf5_damaged(g->path, "a node of its tree");
  if (level < 0)
    for (int i = 0; i < at; i++) g->right[i] = g->before[i] = HDF5_NOWHERE;
  int first = level < 0 || g->before[at] == HDF5_NOWHERE;
  if (hdf5_number(node + 8, 8) != (first ? HDF5_NOWHERE : g->before[at]) || (!first && g->right[at] != address))
    return hdf5_damaged(g->path, "the neighbours in its tree");
  g->before[at] = address;
  g->right[at] = hdf5_number(node + 16, 8);
  for (uint64_t i = 0; i <= count; i++) {
    last = hdf5_number(node + 24 + 16 * i, 8);
    if (!is_name(g, last)) return hdf5_damaged(g->path, "a key in its tree");
  }
  for (uint64_t i = 0; i < count; i++) {
    uint64_t child = hdf5_number(node + 32 + 16 * i, 8);
    HDF5_TRY(at == 0 ? check_list(g, child) : check_node(g, child, at - 1));
  }
  for (int i = 0; level < 0 && i <= at; i++)
    if (g->right[i] != HDF5_NOWHERE) return hdf5_damaged(g->path, "the neighbours in its tree");
  return MG_OK;
}

static mg_status check_node(group *g, uint64_t address, int level) {
  uint8_t *node = hdf5_bytes(g->file, address, 32 + 32 * (uint64_t)g->file->internal_k);
  mg_status status = node ? check_children(g, node, address, level) : hdf5_damaged(g->path, "the place of its tree");
  free(node);
  return status;
}

/* ---- what the others ask for ---- */

mg_status hdf5_check_object(mg_hdf5 *file, uint64_t address, const char *path) {
  uint64_t *slot = &file->checked[address / 8 % (sizeof file->checked / sizeof file->checked[0])];
  if (file->writable || (address != 0 && *slot == address)) return MG_OK;
  hdf5_header header = {.file = file, .path = path};
  HDF5_TRY(hdf5_check_header(&header, address));
  if (header.has_group) {
    group g = {.file = file, .path = path};
    mg_status status = read_names(&g, header.heap);
    if (status == MG_OK) status = check_node(&g, header.tree, -1);
    free(g.names);
    HDF5_TRY(status);
  }
  *slot = address;
  return MG_OK;
}

/* Version 0: sizes of addresses and lengths, of the trees' nodes, four addresses, then where the root group is. */
static mg_status check_superblock(mg_hdf5 *file, const uint8_t *start, const char *path) {
  static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  if (memcmp(start, signature, 8) != 0) return hdf5_fail(MG_EIO, "hdf5: %s is not an HDF5 file", path);
  if (start[8] > 0 && start[8] <= 3)
    return hdf5_fail(MG_EUNSUPPORTED, "hdf5: %s is in a format that Keras does not write; write it with libver=\"earliest\"", path);
  uint64_t end = hdf5_number(start + 40, 8), base = hdf5_number(start + 24, 8), driver = hdf5_number(start + 48, 8);
  if (end > (uint64_t)file->bytes)
    return hdf5_fail(MG_EIO, "hdf5: cannot read %s: truncated file: %llu bytes are expected, %lld are there", path,
                     (unsigned long long)end, (long long)file->bytes);
  file->leaf_k = (uint32_t)hdf5_number(start + 16, 2);
  file->internal_k = (uint32_t)hdf5_number(start + 18, 2);
  int versions = !start[8] && !start[9] && !start[10] && !start[12], sizes = start[13] == 8 && start[14] == 8;
  int nodes = file->leaf_k > 0 && file->leaf_k <= LARGEST_K && file->internal_k > 0 && file->internal_k <= LARGEST_K;
  return versions && sizes && nodes && base == 0 && driver == HDF5_NOWHERE ? MG_OK : hdf5_damaged(path, "its beginning");
}

mg_status hdf5_check_start(mg_hdf5 *file, const char *path) {
  uint8_t *start = hdf5_bytes(file, 0, 96);
  if (!start) return hdf5_fail(MG_EIO, "hdf5: %s is not an HDF5 file", path);
  mg_status status = check_superblock(file, start, path);
  if (status == MG_OK) status = hdf5_check_object(file, file->root = hdf5_number(start + 64, 8), path);
  free(start);
  return status;
}
