/* isa.c: what this processor can do, from CPUID's feature bits alone (model numbers are masked in virtual machines). */
#include "isa.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "../error.h"

static struct {
  int best, used, bf16;
  char name[64], features[160], complaint[256];
} cpu;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *const names[MG_ISA_COUNT] = {"generic", "avx2", "avx512", "amx"};
const char *mg_cpu_isa_name(int isa) { return names[isa]; }

/* The set that MOONGATE_ISA names; MG_ISA_COUNT: none. */
static int asked_isa(void) {
  const char *asked = getenv("MOONGATE_ISA");
  int isa = 0;
  while (isa < MG_ISA_COUNT && (asked == NULL || strcmp(asked, names[isa]) != 0)) isa++;
  return isa;
}

#if defined(__x86_64__)
/* Whether processor and kernel have AMX: CPUID's bits, and XFEATURE_XTILEDATA among arch_prctl(ARCH_GET_XCOMP_SUPP)'s. */
static int amx_present(void) {
#ifdef MG_COMPILED_AMX
  unsigned a, b, c, d;
  uint64_t supported = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  int present = (d >> 22 & 1) && (d >> 24 & 1); /* amx-bf16, amx-tile */
  return present && syscall(SYS_arch_prctl, 0x1021, &supported) == 0 && (supported >> 18 & 1);
#else
  return 0;
#endif
}

/* Tile registers need the kernel's permission, once per process, for all its threads, those of before too:
 * arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA). It is refused where a signal stack is too small for their 8 KiB, and such
 * stacks are refused afterwards: so nobody asks for it where MOONGATE_ISA names another set. Where a first product comes out wrong,
 * tiles count as absent. */
static int amx_usable(void) {
#ifdef MG_COMPILED_AMX
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0 && mg_amx_check();
#else
  return 0;
#endif
}

static void add_feature(const char *name, int present) {
  if (!present) return;
  size_t used = strlen(cpu.features);
  snprintf(cpu.features + used, sizeof cpu.features - used, used ? " %s" : "%s", name);
}

static int detect(void) {
  __builtin_cpu_init();
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd");
  int bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
  int amx = bf16 && amx_present() && (asked_isa() < MG_ISA_AMX || amx_usable());
  add_feature("avx2", __builtin_cpu_supports("avx2"));
  add_feature("fma", __builtin_cpu_supports("fma"));
  add_feature("avx512f", __builtin_cpu_supports("avx512f"));
  add_feature("avx512bw", __builtin_cpu_supports("avx512bw"));
  add_feature("avx512vl", __builtin_cpu_supports("avx512vl"));
  add_feature("avx512dq", __builtin_cpu_supports("avx512dq"));
  add_feature("avx512bf16", bf16);
  add_feature("amx-bf16", amx);
#ifdef MG_COMPILED_BF16
  cpu.bf16 = bf16;
#endif
#ifndef MG_COMPILED_AVX2
  avx2 = 0;
#endif
#ifndef MG_COMPILED_AVX512
  avx512 = 0;
#endif
  if (!avx2) return MG_ISA_GENERIC;
  return amx ? MG_ISA_AMX : avx512 ? MG_ISA_AVX512 : MG_ISA_AVX2;
}

static void read_name(void) {
  unsigned words[12];
  for (unsigned i = 0; i < 3; i++) {
    unsigned *w = words + 4 * i;
    if (!__get_cpuid(0x80000002u + i, w, w + 1, w + 2, w + 3)) return;
  }
  memcpy(cpu.name, words, sizeof words);
  size_t n = strlen(cpu.name);
  while (n > 0 && cpu.name[n - 1] == ' ') cpu.name[--n] = 0;
}
#else
static int detect(void) { return MG_ISA_GENERIC; }
static void read_name(void) {}
#endif

/* MOONGATE_ISA lowers the choice, for tests and for hunting differences. */
static void obey_environment(void) {
  const char *asked = getenv("MOONGATE_ISA");
  if (!asked || !*asked) return;
  const int isa = asked_isa();
  if (isa <= cpu.best) cpu.used = isa;
  else if (isa < MG_ISA_COUNT)
    snprintf(cpu.complaint, sizeof cpu.complaint, "MOONGATE_ISA: \"%s\" is not available here; expected at most \"%s\" (%s)", asked,
             names[cpu.best], cpu.features);
  else
    snprintf(cpu.complaint, sizeof cpu.complaint, "MOONGATE_ISA: unknown value \"%.40s\"; expected generic, avx2, avx512 or amx",
             asked);
}

static void examine(void) {
  snprintf(cpu.name, sizeof cpu.name, "unknown processor");
  read_name();
  cpu.best = cpu.used = detect();
  obey_environment();
}

int mg_cpu_isa(void) {
  pthread_once(&once, examine);
  return cpu.used;
}

int mg_cpu_isa_best(void) {
  pthread_once(&once, examine);
  return cpu.best;
}

int mg_cpu_bf16(void) { return mg_cpu_isa() >= MG_ISA_AVX512 && cpu.bf16; }

const char *mg_cpu_name(void) {
  pthread_once(&once, examine);
  return cpu.name;
}

const char *mg_cpu_features(void) {
  pthread_once(&once, examine);
  return cpu.features;
}

mg_status mg_cpu_isa_status(void) {
  pthread_once(&once, examine);
  return cpu.complaint[0] ? mg_fail(MG_EUNSUPPORTED, "%s", cpu.complaint) : MG_OK;
}
