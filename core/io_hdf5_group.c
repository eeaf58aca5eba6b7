/* io_hdf5_group.c: names and groups. Only hard links are followed, and none back to where the way came from. */
#include <string.h>

#include "io_hdf5.h"

enum { DEEPEST = 64 };

/* The addresses from the root to where a walk is: none may come again. */
typedef struct trail {
  uint64_t at[DEEPEST];
  int length;
} trail;

/* ---- names ---- */

/* The next part of the path into name; 0 at the end, -1 when it is no part. */
static int next_part(char *name, const char **path) {
  size_t length = strcspn(*path, "/");
  if (length == 0) return **path == 0 ? 0 : -1;
  if (length >= HDF5_LONGEST_NAME || (length == 1 && **path == '.')) return -1;
  memcpy(name, *path, length);
  name[length] = 0;
  *path += length;
  if (**path == '/') ++*path;
  return 1;
}

static mg_status check_path(mg_hdf5 *file, const char *path) {
  if (!file) return hdf5_fail(MG_EINVAL, "hdf5: file is NULL; it is closed already");
  if (!path || path[0] != '/') return hdf5_fail(MG_EINVAL, "hdf5: path \"%s\" must begin with /", path ? path : "NULL");
  return MG_OK;
}

static mg_status follow(trail *way, mg_hdf5 *file, uint64_t address, const char *path) {
  if (file->writable) return MG_OK;
  int known = way->length == DEEPEST;
  for (int i = 0; i < way->length; i++) known |= way->at[i] == address;
  if (known) return hdf5_fail(MG_EINVAL, "hdf5: %.200s is too deep, or a group that leads back into itself", path);
  way->at[way->length++] = address;
  return hdf5_check_object(file, address, path);
}

/* From *group, which is closed, to its child; made when missing and wanted. */
static mg_status step_into(hid_t *group, mg_hdf5 *file, trail *way, const char *name, const char *path, int make) {
  hdf5_link link;
  hid_t parent = *group, child = -1;
  htri_t exists = H5Iget_type(parent) == H5I_GROUP ? H5Lexists(parent, name, H5P_DEFAULT) : 0;
  mg_status status = MG_OK;
  if (exists < 0) status = hdf5_fail(MG_EIO, "hdf5: %s: %s", path, hdf5_reason());
  else if (exists == 0 && make) child = H5Gcreate2(parent, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  else if (exists == 0) status = hdf5_fail(MG_ENOTFOUND, "hdf5: there is no %s in the file (\"%s\" is missing)", path, name);
  else if (hdf5_link_of(parent, name, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD)
    status = hdf5_fail(MG_EINVAL, "hdf5: %s leads through a link (\"%s\"); a model file may not hold links", path, name);
  else if ((status = follow(way, file, link.u.address, path)) == MG_OK) child = H5Oopen(parent, name, H5P_DEFAULT);
  if (status == MG_OK && child < 0) status = hdf5_fail(MG_EIO, "hdf5: cannot open %s: %s", path, hdf5_reason());
  H5Oclose(parent);
  *group = child;
  return status;
}

static mg_status walk_on(trail *way, hid_t *object, mg_hdf5 *file, const char *path, const char *end, int make) {
  char name[HDF5_LONGEST_NAME];
  const char *rest = path + 1;
  hid_t at = H5Gopen2(file->id, "/", H5P_DEFAULT);
  if (at < 0) return hdf5_fail(MG_EIO, "hdf5: cannot open the root group: %s", hdf5_reason());
  while (!end || rest < end) {
    int part = next_part(name, &rest);
    if (part == 0) break;
    if (part < 0) {
      H5Oclose(at);
      return hdf5_fail(MG_EINVAL, "hdf5: path \"%.200s\" has an empty, too long or \".\" part", path);
    }
    HDF5_TRY(step_into(&at, file, way, name, path, make));
  }
  *object = at;
  return MG_OK;
}

static mg_status walk(hid_t *object, mg_hdf5 *file, const char *path, const char *end, int make) {
  trail way = {.at = {file->root}, .length = 1};
  return walk_on(&way, object, file, path, end, make);
}

mg_status hdf5_address(uint64_t *address, mg_hdf5 *file, const char *path) {
  HDF5_TRY(check_path(file, path));
  if (file->writable) return hdf5_fail(MG_EINVAL, "hdf5: the file is open for writing; %s cannot be read", path);
  trail way = {.at = {file->root}, .length = 1};
  hid_t object;
  HDF5_TRY(walk_on(&way, &object, file, path, NULL, 0));
  H5Oclose(object);
  *address = way.at[way.length - 1];
  return MG_OK;
}

mg_status hdf5_object(hid_t *object, mg_hdf5 *file, const char *path) {
  HDF5_TRY(check_path(file, path));
  return walk(object, file, path, NULL, 0);
}

mg_status hdf5_check_writable(mg_hdf5 *file, const char *path) {
  HDF5_TRY(check_path(file, path));
  return file->writable ? MG_OK : hdf5_fail(MG_EINVAL, "hdf5: the file is open for reading; %s cannot be written", path);
}

mg_status hdf5_parent(hid_t *group, const char **name, mg_hdf5 *file, const char *path) {
  HDF5_TRY(check_path(file, path));
  const char *last = strrchr(path, '/') + 1;
  if (!*last || strcmp(last, ".") == 0 || strlen(last) >= HDF5_LONGEST_NAME)
    return hdf5_fail(MG_EINVAL, "hdf5: path \"%.200s\" has no name at its end", path);
  HDF5_TRY(walk(group, file, path, last, 1));
  *name = last;
  return MG_OK;
}

/* ---- groups ---- */

mg_status mg_hdf5_make_group(mg_hdf5 *file, const char *group) {
  HDF5_LOCKED;
  hid_t object;
  HDF5_TRY(hdf5_check_writable(file, group));
  HDF5_TRY(walk(&object, file, group, NULL, 1));
  int good = H5Iget_type(object) == H5I_GROUP;
  H5Oclose(object);
  return good ? MG_OK : hdf5_fail(MG_EINVAL, "hdf5: %s is not a group", group);
}

static mg_status open_group(hid_t *id, int64_t *count, mg_hdf5 *file, const char *group) {
  H5G_info_t info;
  HDF5_TRY(hdf5_object(id, file, group));
  if (H5Iget_type(*id) == H5I_GROUP && H5Gget_info(*id, &info) >= 0 && info.nlinks <= INT64_MAX) {
    *count = (int64_t)info.nlinks;
    return MG_OK;
  }
  H5Oclose(*id);
  return hdf5_fail(MG_EINVAL, "hdf5: %s is not a group", group);
}

mg_status mg_hdf5_children(int64_t *count, mg_hdf5 *file, const char *group) {
  HDF5_LOCKED;
  hid_t id;
  if (!count) return hdf5_fail(MG_EINVAL, "hdf5 children: count is NULL");
  HDF5_TRY(open_group(&id, count, file, group));
  H5Oclose(id);
  return MG_OK;
}

static mg_status read_child(char *name, int64_t size, int32_t *is_group, uint64_t *address, mg_hdf5 *file, hid_t group,
                            const char *path, hsize_t index) {
  ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, NULL, 0, H5P_DEFAULT);
  if (length < 0) return hdf5_fail(MG_EIO, "hdf5: cannot list %s: %s", path, hdf5_reason());
  if (length + 1 > size)
    return hdf5_fail(MG_EINVAL, "hdf5: a name of %lld bytes in %s, room is for %lld", (long long)length, path, (long long)size - 1);
  H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, name, (size_t)size, H5P_DEFAULT);
  hdf5_link link;
  if (hdf5_link_at(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD)
    return hdf5_fail(MG_EINVAL, "hdf5: \"%s\" in %s is a link; a model file may not hold links", name, path);
  HDF5_TRY(hdf5_check_object(file, link.u.address, name));
  hid_t child = H5Oopen_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, H5P_DEFAULT);
  if (child < 0) return hdf5_fail(MG_EIO, "hdf5: cannot open \"%s\" in %s: %s", name, path, hdf5_reason());
  *is_group = H5Iget_type(child) == H5I_GROUP;
  *address = link.u.address;
  H5Oclose(child);
  return MG_OK;
}

mg_status mg_hdf5_child(char *name, int64_t size, int32_t *is_group, uint64_t *address, mg_hdf5 *file, const char *group,
                        int64_t index) {
  HDF5_LOCKED;
  hid_t id;
  int64_t count = 0;
  if (!name || size < 1 || !is_group || !address)
    return hdf5_fail(MG_EINVAL, "hdf5 child: name, size, is_group or address is missing");
  HDF5_TRY(open_group(&id, &count, file, group));
  mg_status status = index >= 0 && index < count ? read_child(name, size, is_group, address, file, id, group, (hsize_t)index)
                                                 : hdf5_fail(MG_EINVAL, "hdf5 child: %s has %lld children, none at %lld", group,
                                                             (long long)count, (long long)index);
  H5Oclose(id);
  return status;
}
