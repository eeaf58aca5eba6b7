/* moongate_files.h: the C API of the libraries beside the engine: moongate/hdf5 and moongate/zip, each loaded on first use. Its
 * conventions are those of moongate.h; a message comes from the library's own mg_hdf5_error or mg_zip_error. */
#ifndef MOONGATE_FILES_H
#define MOONGATE_FILES_H

#include "moongate.h"

/* cdef begin */
/* ---- HDF5 files: in the library moongate/hdf5, which is loaded on first use; messages come from mg_hdf5_error ------------- */

/* Read are files in the format of before HDF5 1.8, as h5py and Keras write them: whole datasets in one piece, hard links. Every
 * structure is checked before libhdf5 sees it; damage is MG_EIO, chunks, filters and later formats are MG_EUNSUPPORTED. */
typedef struct mg_hdf5 mg_hdf5;
enum { MG_INT64 = 5, MG_UINT32 = 6, MG_STRING = 7 }; /* in files only */
MG_API int32_t mg_hdf5_abi(void);
MG_API const char *mg_hdf5_error(void);
MG_API mg_status mg_hdf5_open(mg_hdf5 **out, const char *path);   /* for reading */
MG_API mg_status mg_hdf5_open_image(mg_hdf5 **out, const void *data, int64_t bytes); /* data stay the caller's until close */
MG_API mg_status mg_hdf5_create(mg_hdf5 **out, const char *path /*[opt] in memory without*/); /* for writing; replaces */
MG_API mg_status mg_hdf5_image(void *data /*[capacity][opt]*/, int64_t capacity, int64_t *bytes, mg_hdf5 *file); /* what was made */
MG_API mg_status mg_hdf5_close(mg_hdf5 *file);                    /* writes out; the handle is gone whatever it returns */
/* Paths are "/a/b". Children of a group in name order: index from 0, MG_EINVAL past the end. */
MG_API mg_status mg_hdf5_children(int64_t *count, mg_hdf5 *file, const char *group);
MG_API mg_status mg_hdf5_child(char *name /*[size]; MG_EINVAL when too short*/, int64_t size, int32_t *is_group, uint64_t *address,
                               mg_hdf5 *file, const char *group, int64_t index);
MG_API mg_status mg_hdf5_make_group(mg_hdf5 *file, const char *group); /* parents too; an existing one is fine */
MG_API mg_status mg_hdf5_shape(int32_t *dtype, int32_t *ndim, int64_t *shape /*[MG_MAX_DIMS]*/, mg_hdf5 *file, const char *dataset);
MG_API mg_status mg_hdf5_read(void *data, int64_t bytes, mg_hdf5 *file, const char *dataset, int32_t dtype); /* converts to dtype */
MG_API mg_status mg_hdf5_write(mg_hdf5 *file, const char *dataset, int32_t dtype, int32_t ndim, const int64_t *shape,
                               const void *data);
/* Attributes of text: *count texts, each ended by 0, *size bytes together; text may be NULL to ask for them. An empty list of any
 * kind is no texts. Written are UTF-8 texts: one, or `count` of `width` bytes each, the shorter ones filled up with 0. */
MG_API mg_status mg_hdf5_read_texts(char *text /*[capacity][opt]*/, int64_t capacity, int64_t *size, int64_t *count, mg_hdf5 *file,
                                    const char *object, const char *name);
MG_API mg_status mg_hdf5_write_attribute(mg_hdf5 *file, const char *object, const char *name, const char *text);
MG_API mg_status mg_hdf5_write_texts(mg_hdf5 *file, const char *object, const char *name, const void *texts /*[count][width]*/,
                                     int64_t width, int64_t count); /* 60000 bytes at most */

/* ---- Zip archives: in the library moongate/zip, which is loaded on first use; messages come from mg_zip_error -------------- */

/* Read are stored and deflated entries; sizes are checked against the file's before they are believed. */
typedef struct mg_zip mg_zip;
MG_API int32_t mg_zip_abi(void);
MG_API const char *mg_zip_error(void);
MG_API mg_status mg_zip_open(mg_zip **out, const char *path);   /* for reading */
MG_API mg_status mg_zip_create(mg_zip **out, const char *path); /* for writing; replaces */
MG_API mg_status mg_zip_close(mg_zip *file);                    /* writes out; the handle is gone whatever it returns */
MG_API mg_status mg_zip_discard(mg_zip *file);                  /* the same without writing */
MG_API mg_status mg_zip_count(int64_t *count, mg_zip *file);
MG_API mg_status mg_zip_entry(char *name /*[capacity]*/, int64_t capacity, int64_t *bytes, mg_zip *file, int64_t index);
MG_API mg_status mg_zip_read(void *data, int64_t bytes, mg_zip *file, int64_t index); /* whole; the checksum must fit */
/* `data` must stay as they are until the file is closed. packed: deflated instead of stored. */
MG_API mg_status mg_zip_add(mg_zip *file, const char *name, const void *data, int64_t bytes, int32_t packed);
/* cdef end */

#endif
