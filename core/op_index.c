/* op_index.c: rows of a table by index: gather, scatter_add, one_hot. */
#include "backend.h"
#include "error.h"

static mg_status check_ids(const char *op, const mg_tensor *ids, const char *name, const mg_tensor *table) {
  MG_TRY(mg_check_dtype(op, "ids", ids, MG_INT32));
  return mg_check_device(op, "ids", ids, name, table);
}

/* rows is ids.shape + table.shape[1:]. */
static mg_status check_rows(const char *op, const char *name, const mg_tensor *rows, const mg_tensor *table, const mg_tensor *ids) {
  int64_t shape[2 * MG_MAX_DIMS];
  if (table->ndim == 0) return mg_fail(MG_ESHAPE, "%s: table is a scalar; expected rows along its first axis; reshape it", op);
  int ndim = ids->ndim + table->ndim - 1;
  if (ndim > MG_MAX_DIMS)
    return mg_fail(MG_ESHAPE, "%s: ids %s and table %s make %d axes; expected at most %d; reshape ids", op, mg_shape_text(ids),
                   mg_shape_text(table), ndim, MG_MAX_DIMS);
  for (int d = 0; d < ids->ndim; d++) shape[d] = ids->shape[d];
  for (int d = 1; d < table->ndim; d++) shape[ids->ndim + d - 1] = table->shape[d];
  return mg_check_shape(op, name, rows, ndim, shape);
}

/* ids are contiguous. Reads the offender to the host for the message. */
static mg_status check_range(const char *op, const mg_tensor *ids, const mg_tensor *table) {
  const mg_backend *backend = ids->buffer->backend;
  int64_t bad = -1;
  int32_t value = 0;
  MG_TRY(backend->check_ids(&bad, ids, table->shape[0]));
  if (bad < 0) return MG_OK;
  MG_TRY(backend->memory_read(&value, (const int32_t *)mg_elements(ids) + bad, sizeof value));
  return mg_fail(MG_EINVAL, "%s: ids %s has %d at position %lld (row-major); expected 0..%lld for table %s", op, mg_shape_text(ids),
                 (int)value, (long long)bad, (long long)table->shape[0] - 1, mg_shape_text(table));
}

static mg_status gather_dense(mg_tensor *out, const mg_tensor *table, const mg_tensor *ids) {
  mg_tensor dense = {0}, rows = {0};
  mg_status status = mg_borrow_contiguous(&dense, table);
  if (status == MG_OK) status = mg_borrow_output(&rows, out);
  if (status == MG_OK) status = out->buffer->backend->gather(&rows, &dense, ids);
  mg_release(&dense);
  return mg_return_output(&rows, out, status);
}

mg_status mg_gather(mg_tensor *out, const mg_tensor *table, const mg_tensor *ids) {
  MG_TRY(mg_check_tensor("gather", "table", table));
  MG_TRY(check_ids("gather", ids, "table", table));
  MG_TRY(mg_check_out("gather", "out", out, (const mg_tensor *[]){table, ids}, 2));
  MG_TRY(mg_check_like("gather", "out", out, "table", table));
  MG_TRY(check_rows("gather", "out", out, table, ids));
  MG_TRY(mg_check_offered("gather", out, out->buffer->backend->gather != NULL));
  if (mg_element_count(ids) == 0) return MG_OK;
  mg_tensor dense = {0};
  MG_TRY(mg_borrow_contiguous(&dense, ids));
  mg_status status = check_range("gather", &dense, table);
  if (status == MG_OK && mg_element_count(out) > 0) status = gather_dense(out, table, &dense);
  mg_release(&dense);
  return status;
}

/* A table in another layout is added to in a copy. */
static mg_status add_rows(mg_tensor *table, const mg_tensor *ids, const mg_tensor *rows) {
  mg_tensor dense_rows = {0}, dense = {0};
  MG_TRY(mg_borrow_contiguous(&dense_rows, rows));
  mg_status status = mg_borrow_contiguous(&dense, table);
  if (status == MG_OK) status = table->buffer->backend->scatter_add(&dense, ids, &dense_rows);
  if (status == MG_OK && !mg_is_contiguous(table)) status = mg_copy(table, &dense);
  mg_release(&dense);
  mg_release(&dense_rows);
  return status;
}

mg_status mg_scatter_add(mg_tensor *table, const mg_tensor *ids, const mg_tensor *rows) {
  MG_TRY(mg_check_float("scatter_add", "table", table));
  MG_TRY(check_ids("scatter_add", ids, "table", table));
  MG_TRY(mg_check_like("scatter_add", "rows", rows, "table", table));
  MG_TRY(mg_check_out("scatter_add", "table", table, (const mg_tensor *[]){ids, rows}, 2));
  MG_TRY(check_rows("scatter_add", "rows", rows, table, ids));
  MG_TRY(mg_check_offered("scatter_add", table, table->buffer->backend->scatter_add != NULL));
  if (mg_element_count(ids) == 0) return MG_OK;
  mg_tensor dense = {0};
  MG_TRY(mg_borrow_contiguous(&dense, ids));
  mg_status status = check_range("scatter_add", &dense, table);
  if (status == MG_OK && mg_element_count(rows) > 0) {
    status = add_rows(table, &dense, rows);
    mg_mark_written(table);
  }
  mg_release(&dense);
  return status;
}

mg_status mg_one_hot(mg_tensor *out, const mg_tensor *ids) {
  MG_TRY(mg_check_tensor("one_hot", "out", out));
  MG_TRY(check_ids("one_hot", ids, "out", out));
  MG_TRY(mg_check_out("one_hot", "out", out, &ids, 1));
  int fits = out->ndim == ids->ndim + 1;
  for (int d = 0; fits && d < ids->ndim; d++) fits = out->shape[d] == ids->shape[d];
  if (!fits)
    return mg_fail(MG_ESHAPE, "one_hot: out %s for ids %s; expected ids' shape with the number of classes as one more axis",
                   mg_shape_text(out), mg_shape_text(ids));
  MG_TRY(mg_check_offered("one_hot", out, out->buffer->backend->one_hot != NULL));
  if (mg_element_count(out) == 0) return MG_OK;
  mg_tensor dense = {0}, rows = {0};
  mg_status status = mg_borrow_contiguous(&dense, ids);
  if (status == MG_OK) status = mg_borrow_output(&rows, out);
  if (status == MG_OK) status = out->buffer->backend->one_hot(&rows, &dense);
  mg_release(&dense);
  return mg_return_output(&rows, out, status);
}
