/* qr.c: Householder QR through LAPACK (geqrf, orgqr), which OpenBLAS brings. float32 is computed in float64: the
 * work is rare and small. */
#include "../error.h"
#include "../workspace.h"
#include "cpu.h"

/* LAPACK's Fortran interface; matrices by columns. */
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork, int *info);
void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau, double *work, const int *lwork,
             int *info);

enum { BLOCK = 64 }; /* work space per column; LAPACK's block size at most */

static double value_at(const mg_tensor *t, int64_t i) {
  return t->dtype == MG_FLOAT32 ? ((const float *)mg_elements(t))[i] : ((const double *)mg_elements(t))[i];
}

static void store(mg_tensor *t, int64_t i, double v) {
  if (t->dtype == MG_FLOAT32) ((float *)mg_elements(t))[i] = (float)v;
  else ((double *)mg_elements(t))[i] = v;
}

/* by_columns (rows, columns) -> t */
static void store_matrix(mg_tensor *t, const double *by_columns, int64_t rows, int64_t ld, int upper) {
  int64_t columns = t->shape[1];
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) store(t, i * columns + j, upper && j < i ? 0 : by_columns[j * ld + i]);
}

static mg_status decompose(mg_tensor *q, mg_tensor *r, int m, int n, double *a, double *tau, double *work, int lwork) {
  int k = m < n ? m : n, info = 0;
  dgeqrf_(&m, &n, a, &m, tau, work, &lwork, &info);
  store_matrix(r, a, k, m, 1);
  if (info == 0) dorgqr_(&m, &k, &k, a, &m, tau, work, &lwork, &info);
  store_matrix(q, a, m, m, 0);
  if (info == 0) return MG_OK;
  return mg_fail(MG_EINVAL, "qr: LAPACK rejected argument %d for q %s, r %s", -info, mg_shape_text(q), mg_shape_text(r));
}

mg_status mg_cpu_qr(mg_tensor *q, mg_tensor *r, const mg_tensor *a) {
  int64_t m = a->shape[0], n = a->shape[1], k = m < n ? m : n;
  if (m * n > INT32_MAX)
    return mg_fail(MG_EUNSUPPORTED, "qr: a %s; expected fewer than 2^31 elements", mg_shape_text(a));
  const int64_t work = n < INT32_MAX / BLOCK ? n * BLOCK : n; /* n is the least LAPACK takes */
  size_t mark = mg_workspace_mark();
  double *columns = mg_workspace_take((size_t)(m * n + k + work) * sizeof *columns);
  if (!columns) return mg_fail(MG_ENOMEM, "qr: no memory for a copy of a %s", mg_shape_text(a));
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) columns[j * m + i] = value_at(a, i * n + j);
  mg_status status = decompose(q, r, (int)m, (int)n, columns, columns + m * n, columns + m * n + k, (int)work);
  mg_workspace_give_back(mark);
  return status;
}
