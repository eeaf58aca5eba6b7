/* binary_body.h: arithmetic and comparison of two plain arrays of TYPE. Included once per dtype by binary.c, which defines TYPE,
 * NAME(x) and WIDE, the type to compute in: unsigned for integers, which wrap. */

static inline TYPE NAME(arithmetic_value)(int32_t op, TYPE a, TYPE b) {
  switch (op) {
    case MG_BINARY_ADD: return (TYPE)((WIDE)a + (WIDE)b);
    case MG_BINARY_SUB: return (TYPE)((WIDE)a - (WIDE)b);
    case MG_BINARY_MUL: return (TYPE)((WIDE)a * (WIDE)b);
    case MG_BINARY_MAX: return a > b || isnan((double)a) ? a : b;
    case MG_BINARY_MIN: return a < b || isnan((double)a) ? a : b;
    case MG_BINARY_DIV: return (TYPE)((double)a / (double)b); /* floats only */
    default: return (TYPE)pow((double)a, (double)b);
  }
}

static inline uint8_t NAME(compare_value)(int32_t op, TYPE a, TYPE b) {
  switch (op) {
    case MG_COMPARE_EQ: return a == b;
    case MG_COMPARE_NE: return a != b;
    case MG_COMPARE_LT: return a < b;
    case MG_COMPARE_LE: return a <= b;
    case MG_COMPARE_GT: return a > b;
    default: return a >= b;
  }
}

/* The operation is a constant in each of these loops. */
#define LOOP(OP, value) case OP: for (int64_t i = 0; i < n; i++) z[i] = NAME(value)(OP, x[i], y[i]); break

static void NAME(arithmetic)(const void *context, int64_t n, void *out, const void *const *in) {
  const TYPE *x = in[0], *y = in[1];
  TYPE *z = out;
  switch (*(const int32_t *)context) {
    LOOP(MG_BINARY_ADD, arithmetic_value);
    LOOP(MG_BINARY_SUB, arithmetic_value);
    LOOP(MG_BINARY_MUL, arithmetic_value);
    LOOP(MG_BINARY_MAX, arithmetic_value);
    LOOP(MG_BINARY_MIN, arithmetic_value);
    LOOP(MG_BINARY_DIV, arithmetic_value);
    LOOP(MG_BINARY_POW, arithmetic_value);
  }
}

static void NAME(comparison)(const void *context, int64_t n, void *out, const void *const *in) {
  const TYPE *x = in[0], *y = in[1];
  uint8_t *z = out;
  switch (*(const int32_t *)context) {
    LOOP(MG_COMPARE_EQ, compare_value);
    LOOP(MG_COMPARE_NE, compare_value);
    LOOP(MG_COMPARE_LT, compare_value);
    LOOP(MG_COMPARE_LE, compare_value);
    LOOP(MG_COMPARE_GT, compare_value);
    LOOP(MG_COMPARE_GE, compare_value);
  }
}

#undef LOOP
#undef TYPE
#undef NAME
#undef WIDE
