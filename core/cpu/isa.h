/* isa.h: the instruction set that kernels are chosen by. Private to core/cpu and runtime.c.
 *
 * A kernel family that is compiled several times writes its body once and one small file per instruction set:
 *
 *   thing_body.h      the code; names carry MG_NAME(x); ends with  const thing_table MG_NAME(thing) = {...};
 *   thing_generic.c   #define MG_NAME(x) x##_generic    #include "thing_body.h"
 *   thing_avx2.c      #define MG_NAME(x) x##_avx2       #include "thing_body.h"
 *   thing_avx512.c    #define MG_NAME(x) x##_avx512     #include "thing_body.h"
 *
 * and picks the table where it is used:
 *
 *   MG_ISA_DECLARE(thing_table, thing);                    the tables of this build
 *   const thing_table *table = MG_ISA_PICK(thing);         the one for mg_cpu_isa()
 *
 * The compiler flags come from the file's suffix (core/CMakeLists.txt), so a body may use __AVX512F__ and the like. */
#ifndef MG_ISA_H
#define MG_ISA_H

#include "../moongate.h"

enum { MG_ISA_GENERIC = 0, MG_ISA_AVX2, MG_ISA_AVX512, MG_ISA_AMX, MG_ISA_COUNT };

/* The one in use, fixed when the library is loaded: the best that processor and build offer, or what MOONGATE_ISA names. A value
 * that is unknown or not available here is not obeyed: the best one is used and mg_cpu_isa_status fails, which mg_runtime passes on
 * to the user. */
int mg_cpu_isa(void);
mg_status mg_cpu_isa_status(void);
int mg_cpu_isa_best(void);
int mg_cpu_bf16(void); /* AVX512-BF16 is there, and the one in use is AVX-512 or better */
const char *mg_cpu_isa_name(int isa);
int mg_amx_check(void); /* rnn_tiles_amx.c: whether a small product with AMX comes out right */
const char *mg_cpu_name(void);      /* "AMD EPYC", static */
const char *mg_cpu_features(void);  /* "avx2 fma ...", static */
const char *mg_cpu_blas_name(void); /* "OpenBLAS 0.3.21 (SkylakeX kernels)", static: blas.c */

#ifdef MG_COMPILED_AVX2
#define MG_ISA_AVX2_OR(generic, avx2) (mg_cpu_isa() >= MG_ISA_AVX2 ? &avx2 : &generic)
#define MG_ISA_DECLARE_AVX2(type, name) extern const type name##_avx2
#else
#define MG_ISA_AVX2_OR(generic, avx2) (&generic)
#define MG_ISA_DECLARE_AVX2(type, name) extern const type name##_generic
#endif
#ifdef MG_COMPILED_AVX512
#define MG_ISA_PICK(name) \
  (mg_cpu_isa() >= MG_ISA_AVX512 ? &name##_avx512 : MG_ISA_AVX2_OR(name##_generic, name##_avx2))
#define MG_ISA_DECLARE_AVX512(type, name) extern const type name##_avx512
#else
#define MG_ISA_PICK(name) MG_ISA_AVX2_OR(name##_generic, name##_avx2)
#define MG_ISA_DECLARE_AVX512(type, name) extern const type name##_generic
#endif
#define MG_ISA_DECLARE(type, name)       \
  extern const type name##_generic;      \
  MG_ISA_DECLARE_AVX2(type, name);       \
  MG_ISA_DECLARE_AVX512(type, name)

#endif
