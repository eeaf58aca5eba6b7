/* matmul.c: matrix products through OpenBLAS, which runs in the calling thread. The work is cut into tiles of out, whose sizes
 * depend on the shapes alone: OpenBLAS picks its kernels by the sizes it sees, and so the result never depends on the number of
 * threads. */
#include <cblas.h>

#include "../error.h"
#include "../threads.h"
#include "../workspace.h"
#include "cpu.h"

/* DEEP: rows of b that a slice of a deep product has at least; WIDE: elements of out that need no slices. */
enum { TILE_STEP = 32, MAX_TILES = 32, FEW_TILES = 4, DEEP = 512, WIDE = 65536, SUM_PIECE = 4096 };
static const double FEW_WORK = 4e6;    /* multiplications worth a piece of their own while there are few pieces */
static const double TILE_WORK = 2e7;   /* and when there are many: OpenBLAS packs the other operand again for each */
static const double GROUP_WORK = 5e5;  /* products of a batch below this share a piece */

/* One operand as BLAS sees it. */
typedef struct matrix {
  char *data;
  int transposed;
  int64_t ld, row_bytes, column_bytes;
} matrix;

typedef struct product {
  mg_tensor *out;
  const mg_tensor *a, *b;
  double beta;
  matrix left, right;
  int64_t m, n, k, tile_m, tile_n;
  int64_t tiles_n, tiles;  /* of one matrix */
  int64_t batch, group;    /* matrices, and how many make a piece */
  int64_t slices, slice_k; /* of the sum; more than one: each tile of a slice goes to `partial` (slices, m, n) */
  char *partial;
} product;

static matrix matrix_of(const mg_tensor *t) {
  int64_t bytes = mg_dtype_bytes(t->dtype), rows = mg_axis_size(t, -2), columns = mg_axis_size(t, -1);
  int64_t row_step = rows == 1 ? columns : t->strides[t->ndim - 2], column_step = columns == 1 ? rows : t->strides[t->ndim - 1];
  matrix m = {.data = mg_elements(t)};
  m.transposed = !((column_step == 1 || columns == 1) && row_step >= columns);
  m.ld = m.transposed ? column_step : row_step;
  m.row_bytes = (m.transposed ? 1 : m.ld) * bytes;
  m.column_bytes = (m.transposed ? m.ld : 1) * bytes;
  return m;
}

static int64_t half_of(int64_t size) { return mg_pieces(mg_pieces(size, 2), TILE_STEP) * TILE_STEP; }

/* A product over many rows of b with a small out, as the gradient of weights is, is cut along its sum: narrow tiles would pack
 * all of both operands over and over. */
static double choose_slices(product *p, double wanted) {
  int64_t most = p->batch == 1 ? p->k / DEEP : 1;
  double room = (double)p->m * (double)p->n / WIDE;
  double slices = room > 1 ? wanted / room : wanted;
  p->slices = slices < (double)most ? (int64_t)slices : most;
  if (p->slices < 1) p->slices = 1;
  p->slice_k = mg_pieces(mg_pieces(p->k, p->slices), TILE_STEP) * TILE_STEP;
  p->slices = mg_pieces(p->k, p->slice_k);
  return wanted / (double)p->slices;
}

/* Halves the longer side of the tile until there are enough tiles or they are small. */
static void choose_tiles(product *p) {
  double work = (double)p->m * (double)p->n * (double)p->k;
  double few = work / FEW_WORK < FEW_TILES ? work / FEW_WORK : FEW_TILES, many = work / TILE_WORK;
  double wanted = many < few ? few : many < MAX_TILES ? many : MAX_TILES;
  wanted = choose_slices(p, wanted);
  p->tile_m = p->m;
  p->tile_n = p->n;
  while ((double)(mg_pieces(p->m, p->tile_m) * mg_pieces(p->n, p->tile_n)) * 1.25 < wanted) {
    if (p->tile_m <= TILE_STEP && p->tile_n <= TILE_STEP) break;
    if (p->tile_m >= p->tile_n) p->tile_m = half_of(p->tile_m);
    else p->tile_n = half_of(p->tile_n);
  }
  p->tiles_n = mg_pieces(p->n, p->tile_n);
  p->tiles = mg_pieces(p->m, p->tile_m) * p->tiles_n;
  p->group = work < GROUP_WORK ? (int64_t)(GROUP_WORK / work) + 1 : 1;
}

/* Bytes from the first matrix of t to that of batch element `index`, counted in out's leading axes. */
static int64_t batch_offset(const mg_tensor *t, const mg_tensor *out, int64_t index) {
  int64_t at = 0;
  for (int d = out->ndim - 3, own = t->ndim - 3; own >= 0; d--, own--) {
    if (t->shape[own] > 1) at += index % out->shape[d] * t->strides[own];
    index /= out->shape[d];
  }
  return at * mg_dtype_bytes(t->dtype);
}

static void multiply_tile(const product *p, int64_t item, int64_t slice, int64_t tile) {
  int64_t row = tile / p->tiles_n * p->tile_m, column = tile % p->tiles_n * p->tile_n, bytes = mg_dtype_bytes(p->out->dtype);
  int64_t first_k = slice * p->slice_k;
  int m = (int)(p->m - row < p->tile_m ? p->m - row : p->tile_m), n = (int)(p->n - column < p->tile_n ? p->n - column : p->tile_n);
  int k = (int)(p->k - first_k < p->slice_k ? p->k - first_k : p->slice_k);
  const void *a = p->left.data + batch_offset(p->a, p->out, item) + row * p->left.row_bytes + first_k * p->left.column_bytes;
  const void *b = p->right.data + batch_offset(p->b, p->out, item) + column * p->right.column_bytes + first_k * p->right.row_bytes;
  char *matrix = p->partial ? p->partial + slice * p->m * p->n * bytes : (char *)mg_elements(p->out) + item * p->m * p->n * bytes;
  void *out = matrix + (row * p->n + column) * bytes;
  double beta = p->partial ? 0 : p->beta;
  CBLAS_TRANSPOSE ta = p->left.transposed ? CblasTrans : CblasNoTrans, tb = p->right.transposed ? CblasTrans : CblasNoTrans;
  int lda = (int)p->left.ld, ldb = (int)p->right.ld, ldc = (int)p->n;
  if (p->out->dtype == MG_FLOAT32) cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1.0f, a, lda, b, ldb, (float)beta, out, ldc);
  else cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1.0, a, lda, b, ldb, beta, out, ldc);
}

static mg_status multiply_piece(void *context, int64_t index) {
  const product *p = context;
  int64_t pieces = p->slices * p->tiles, piece = index % pieces;
  int64_t first = index / pieces * p->group, end = first + p->group < p->batch ? first + p->group : p->batch;
  for (int64_t item = first; item < end; item++) multiply_tile(p, item, piece / p->tiles, piece % p->tiles);
  return MG_OK;
}

/* out = beta out + the slices' sums, in their order */
#define ADD_SLICES(name, type)                                                          \
  static void name(const product *p, int64_t first, int64_t end) {                      \
    int64_t size = p->m * p->n;                                                         \
    type *restrict out = mg_elements(p->out), beta = (type)p->beta;                     \
    const type *restrict from = (const type *)p->partial;                               \
    for (int64_t i = first; i < end; i++) out[i] = from[i] + (beta != 0 ? beta * out[i] : 0); \
    for (int64_t s = 1; s < p->slices; s++)                                             \
      for (int64_t i = first; i < end; i++) out[i] += from[s * size + i];               \
  }
ADD_SLICES(add_float32, float)
ADD_SLICES(add_float64, double)

static mg_status add_piece(void *context, int64_t index) {
  const product *p = context;
  int64_t first = index * SUM_PIECE, end = first + SUM_PIECE < p->m * p->n ? first + SUM_PIECE : p->m * p->n;
  if (p->out->dtype == MG_FLOAT32) add_float32(p, first, end);
  else add_float64(p, first, end);
  return MG_OK;
}

static mg_status multiply_in_slices(product *p) {
  size_t mark = mg_workspace_mark(), bytes = (size_t)(p->slices * p->m * p->n * mg_dtype_bytes(p->out->dtype));
  p->partial = mg_workspace_take(bytes);
  if (!p->partial) return mg_fail(MG_ENOMEM, "matmul: no memory for %zu bytes of scratch; expected less", bytes);
  mg_status status = mg_parallel(p->slices * p->tiles, multiply_piece, p);
  if (status == MG_OK) status = mg_parallel(mg_pieces(p->m * p->n, SUM_PIECE), add_piece, p);
  mg_workspace_give_back(mark);
  return status;
}

mg_status mg_cpu_matmul(mg_tensor *out, const mg_tensor *a, const mg_tensor *b, double beta) {
  product p = {.out = out, .a = a, .b = b, .beta = beta, .left = matrix_of(a), .right = matrix_of(b)};
  p.m = mg_axis_size(out, -2);
  p.n = mg_axis_size(out, -1);
  p.k = mg_axis_size(a, -1);
  if (p.m > INT32_MAX || p.n > INT32_MAX || p.k > INT32_MAX || p.left.ld > INT32_MAX || p.right.ld > INT32_MAX)
    return mg_fail(MG_EUNSUPPORTED, "matmul: a %s, b %s; expected sizes and strides below 2^31; cut the product into parts",
                   mg_shape_text(a), mg_shape_text(b));
  p.batch = mg_element_count(out) / (p.m * p.n);
  choose_tiles(&p);
  if (p.slices > 1) return multiply_in_slices(&p);
  return mg_parallel(mg_pieces(p.batch, p.group) * p.tiles, multiply_piece, &p);
}
