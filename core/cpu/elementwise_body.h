/* elementwise_body.h: float32 arithmetic on plain arrays. Included once per instruction set by float32_*.c.
 * Each loop gets its operation as a constant, so the switches below vanish. */

MG_INLINE vf round_half_even(vf x) {
  vf magic = vcopysign(vset(8388608.0f), x); /* 2^23: no fraction is left beyond it */
  vf rounded = vcopysign((x + magic) - magic, x);
  return vselect(vlt(vabs(x), vset(8388608.0f)), rounded, x);
}

MG_INLINE vf floor_value(vf x) {
  vf r = round_half_even(x);
  return vselect(vgt(r, x), r - vset(1.0f), r);
}

MG_INLINE vf sign_value(vf x) {
  return vselect(veq(x, vset(0.0f)) | vne(x, x), x, vcopysign(vset(1.0f), x));
}

/* pow(x, 1/2): unlike sqrt, +0 for -0 and +inf for -inf. */
MG_INLINE vf root_value(vf x) { return vselect(veq(x, vset(-INFINITY)), vset(INFINITY), vsqrt(x + vset(0.0f))); }

enum { POW_ONE = MG_UNARY_COUNT, POW_HALF, POW_CUBE, SCALED };

MG_INLINE vf unary_value(int op, vf x, vf a, vf b) {
  switch (op) {
    case MG_UNARY_AFFINE: return vfma(x, a, b);
    case MG_UNARY_DIV: return x / a;
    case MG_UNARY_DIV_INTO: return a / x;
    case MG_UNARY_CLIP: return vmin(b, vmax(a, x)); /* the second operand wins where there is a NaN */
    case MG_UNARY_ABS: return vabs(x);
    case MG_UNARY_SIGN: return sign_value(x);
    case MG_UNARY_SQUARE: return x * x;
    case MG_UNARY_SQRT: return vsqrt(x);
    case MG_UNARY_RSQRT: return vset(1.0f) / vsqrt(x);
    case MG_UNARY_RECIPROCAL: return vset(1.0f) / x;
    case MG_UNARY_EXP: return vexp(x);
    case MG_UNARY_EXPM1: return vexpm1(x);
    case MG_UNARY_LOG: return vlog(x);
    case MG_UNARY_LOG1P: return vlog1p(x);
    case MG_UNARY_FLOOR: return floor_value(x);
    case MG_UNARY_CEIL: return -floor_value(-x);
    case MG_UNARY_ROUND: return round_half_even(x);
    case SCALED: return x * a;
    case POW_HALF: return root_value(x);
    case POW_CUBE: return x * x * x;
    default: return x;
  }
}

MG_INLINE void unary_loop(int op, int64_t n, float *out, const float *x, float a, float b) {
  vf va = vset(a), vb = vset(b);
  int64_t i = 0;
  for (; i + MG_VW <= n; i += MG_VW) vstore(out + i, unary_value(op, vload(x + i), va, vb));
  if (i < n) vstore_part(out + i, unary_value(op, vload_part(x + i, (int)(n - i)), va, vb), (int)(n - i));
}

static void unary_affine(int64_t n, float *out, const float *x, float a, float b) {
  if (b == 0) unary_loop(SCALED, n, out, x, a, b); /* keeps -0 */
  else unary_loop(MG_UNARY_AFFINE, n, out, x, a, b);
}

/* These two return 0 for what has no vector form. */
static int unary_pow(int64_t n, float *out, const float *x, float a) {
  if (a == 2) unary_loop(MG_UNARY_SQUARE, n, out, x, 0, 0);
  else if (a == 3) unary_loop(POW_CUBE, n, out, x, 0, 0);
  else if (a == 1) unary_loop(POW_ONE, n, out, x, 0, 0);
  else if (a == -1) unary_loop(MG_UNARY_RECIPROCAL, n, out, x, 0, 0);
  else if (a == 0.5f) unary_loop(POW_HALF, n, out, x, 0, 0);
  else return 0;
  return 1;
}

static int unary_float32(int32_t op, int64_t n, float *out, const float *x, float a, float b) {
  switch (op) {
#define CASE(OP) case OP: unary_loop(OP, n, out, x, a, b); return 1
    CASE(MG_UNARY_DIV);
    CASE(MG_UNARY_DIV_INTO);
    CASE(MG_UNARY_CLIP);
    CASE(MG_UNARY_ABS);
    CASE(MG_UNARY_SIGN);
    CASE(MG_UNARY_SQUARE);
    CASE(MG_UNARY_SQRT);
    CASE(MG_UNARY_RSQRT);
    CASE(MG_UNARY_RECIPROCAL);
    CASE(MG_UNARY_EXP);
    CASE(MG_UNARY_EXPM1);
    CASE(MG_UNARY_LOG);
    CASE(MG_UNARY_LOG1P);
    CASE(MG_UNARY_FLOOR);
    CASE(MG_UNARY_CEIL);
    CASE(MG_UNARY_ROUND);
#undef CASE
    case MG_UNARY_AFFINE: unary_affine(n, out, x, a, b); return 1;
    case MG_UNARY_POW: return unary_pow(n, out, x, a);
    default: return 0;
  }
}

MG_INLINE vf binary_value(int op, vf a, vf b) {
  switch (op) {
    case MG_BINARY_ADD: return a + b;
    case MG_BINARY_SUB: return a - b;
    case MG_BINARY_MUL: return a * b;
    case MG_BINARY_DIV: return a / b;
    case MG_BINARY_MAX: return vmax_nan(a, b);
    default: return vmin_nan(a, b);
  }
}

MG_INLINE void binary_loop(int op, int64_t n, float *out, const float *a, const float *b) {
  int64_t i = 0;
  for (; i + MG_VW <= n; i += MG_VW) vstore(out + i, binary_value(op, vload(a + i), vload(b + i)));
  int rest = (int)(n - i);
  if (rest) vstore_part(out + i, binary_value(op, vload_part(a + i, rest), vload_part(b + i, rest)), rest);
}

static void binary_float32(int32_t op, int64_t n, float *out, const float *a, const float *b) {
  switch (op) {
    case MG_BINARY_ADD: binary_loop(MG_BINARY_ADD, n, out, a, b); break;
    case MG_BINARY_SUB: binary_loop(MG_BINARY_SUB, n, out, a, b); break;
    case MG_BINARY_MUL: binary_loop(MG_BINARY_MUL, n, out, a, b); break;
    case MG_BINARY_DIV: binary_loop(MG_BINARY_DIV, n, out, a, b); break;
    case MG_BINARY_MAX: binary_loop(MG_BINARY_MAX, n, out, a, b); break;
    default: binary_loop(MG_BINARY_MIN, n, out, a, b);
  }
}
