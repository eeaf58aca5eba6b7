/* blas.c: OpenBLAS as the engine wants it, arranged once when the library is loaded: one thread, since each of our workers calls it
 * on its own slice, and the kernels of the instruction set in use.
 *
 * OpenBLAS chooses by the processor's model. One that it does not know gets its Haswell kernels: half the speed that AVX-512
 * offers. And MOONGATE_ISA must reach the products too. OPENBLAS_CORETYPE, its own way to force a choice, is read by
 * gotoblas_dynamic_init, so that runs again with the value we want. A build for one processor has no such function, and a value set
 * by the user stays. */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa.h"

extern __attribute__((weak)) void gotoblas_dynamic_init(void);
extern __attribute__((weak)) void gotoblas_dynamic_quit(void);

static int is_avx512_core(const char *name) {
  static const char *const cores[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
  for (int i = 0; i < 3; i++)
    if (strcasecmp(name, cores[i]) == 0) return 1;
  return 0;
}

/* NULL: what OpenBLAS has chosen is right. */
static const char *wanted_core(const char *chosen) {
  static const char *const cores[MG_ISA_COUNT] = {"Nehalem", "Haswell", "SkylakeX", "SkylakeX"};
  int isa = mg_cpu_isa();
  if (isa >= MG_ISA_AVX512) return is_avx512_core(chosen) ? NULL : cores[isa];
  return isa < mg_cpu_isa_best() ? cores[isa] : NULL;
}

static char name[80];
const char *mg_cpu_blas_name(void) { return name; }

__attribute__((constructor)) static void arrange_blas(void) {
  const char *core = wanted_core(openblas_get_corename());
  if (core && !getenv("OPENBLAS_CORETYPE") && gotoblas_dynamic_init && gotoblas_dynamic_quit) {
    setenv("OPENBLAS_CORETYPE", core, 1);
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    unsetenv("OPENBLAS_CORETYPE");
  }
  openblas_set_num_threads(1);
  int version = 0; /* the configuration begins with "OpenBLAS 0.3.21 " */
  const char *configuration = openblas_get_config();
  if (sscanf(configuration, "OpenBLAS %*s %n", &version) < 0 || version == 0) version = (int)strlen(configuration);
  snprintf(name, sizeof name, "%.*s(%s kernels)", version < 40 ? version : 40, configuration, openblas_get_corename());
}
