/* runtime_test.c: information, environment, precision, interrupts. */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void test_information(void) {
  mg_runtime_info info;
  CHECK_INT(mg_abi(), MG_ABI);
  CHECK_OK(mg_runtime(&info));
  CHECK(strchr(info.version, '.') && strstr(info.blas, "OpenBLAS ") && *info.compiler && *info.cpu);
  CHECK(info.threads >= 1 && info.processors >= 1);
  CHECK_FAILS(mg_runtime(NULL), MG_EINVAL, "runtime");
  mg_device_info device;
  CHECK_OK(mg_device_describe(&device, MG_CPU));
  CHECK(device.total_bytes > 0 && device.free_bytes > 0 && device.free_bytes <= device.total_bytes);
  CHECK_FAILS(mg_device_describe(&device, MG_CUDA), MG_EDEVICE, "cuda");
  CHECK_FAILS(mg_device_describe(&device, -5), MG_EDEVICE, "-5");
  CHECK_FAILS(mg_device_describe(NULL, MG_CPU), MG_EINVAL, "device");
  CHECK_OK(mg_device_synchronize(MG_CPU));
  CHECK_FAILS(mg_device_synchronize(MG_CUDA), MG_EDEVICE, "cuda");
}

static void test_precision(void) {
  CHECK_INT(mg_get_matmul_precision(), MG_PRECISION_HIGHEST);
  CHECK_OK(mg_set_matmul_precision(MG_PRECISION_MEDIUM));
  CHECK_INT(mg_get_matmul_precision(), MG_PRECISION_MEDIUM);
  CHECK_FAILS(mg_set_matmul_precision(3), MG_EINVAL, "set_matmul_precision: 3");
  CHECK_FAILS(mg_set_matmul_precision(-1), MG_EINVAL, "-1");
  CHECK_INT(mg_get_matmul_precision(), MG_PRECISION_MEDIUM);
  CHECK_OK(mg_set_matmul_precision(MG_PRECISION_HIGHEST));
}

/* Runs `body` in a child process; returns how that ended, as waitpid does. */
static int in_child(void (*body)(void)) {
  int status = -1;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  return waitpid(child, &status, 0) == child ? status : -1;
}

#define CHILD_CHECK(condition) if (!(condition)) _exit(1)

static void interrupt_once(void) {
  CHILD_CHECK(mg_interrupt_pending() == 0 && mg_interrupt_begin() == MG_OK && mg_interrupt_begin() == MG_OK);
  raise(SIGINT);
  CHILD_CHECK(mg_interrupt_pending() == 1);
  mg_interrupt_end();
  CHILD_CHECK(mg_interrupt_pending() == 1); /* still inside the outer one */
  mg_interrupt_end();
  mg_interrupt_end(); /* one too many */
  CHILD_CHECK(mg_interrupt_pending() == 0 && mg_interrupt_begin() == MG_OK && mg_interrupt_pending() == 0);
}

static void interrupt_twice(void) {
  mg_interrupt_begin();
  raise(SIGINT);
  raise(SIGINT);
  _exit(3);
}

static void interrupt_outside(void) {
  mg_interrupt_begin();
  mg_interrupt_end();
  raise(SIGINT);
  _exit(3);
}

static void test_interrupt(void) {
  int status = in_child(interrupt_once);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  status = in_child(interrupt_twice);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  status = in_child(interrupt_outside);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

/* ---- what the environment asks for is read when the library is loaded: this program again, with one more variable ---- */

static int asked_generic(const mg_runtime_info *info, mg_status status) {
  return status == MG_OK && strcmp(info->isa, "generic") == 0;
}

static int asked_unknown(const mg_runtime_info *info, mg_status status) {
  int refused = status == MG_EUNSUPPORTED && strstr(mg_error(), "MOONGATE_ISA: unknown value \"sse9\"");
  return refused && strcmp(info->isa, info->isa_best) == 0;
}

static int asked_amx(const mg_runtime_info *info, mg_status status) { /* there or refused, never silently something else */
  if (status == MG_OK) return strcmp(info->isa, "amx") == 0;
  return status == MG_EUNSUPPORTED && strstr(mg_error(), "\"amx\" is not available here");
}

/* Tiles are asked for only where they are used: whoever has the permission cannot have small signal stacks any more. */
static int tiles_are_permitted(void) {
#if defined(__x86_64__)
  uint64_t features = 0;
  return syscall(SYS_arch_prctl, 0x1022 /* ARCH_GET_XCOMP_PERM */, &features) == 0 && (features >> 18 & 1);
#else
  return 0;
#endif
}

static int asked_avx512(const mg_runtime_info *info, mg_status status) {
  if (status != MG_OK) return strstr(mg_error(), "\"avx512\" is not available here") != NULL;
  return strcmp(info->isa, "avx512") == 0 && !tiles_are_permitted();
}

/* A signal stack without room for tiles, there before the engine is: the kernel refuses tiles, AVX-512 takes their place. */
#define SMALL_STACK "MOONGATE_TEST_SMALL_STACK"
static __attribute__((constructor(101))) void have_a_small_stack(void) {
  static char memory[4096];
  if (getenv(SMALL_STACK)) sigaltstack(&(stack_t){ .ss_sp = memory, .ss_size = sizeof memory }, NULL);
}

static int has_a_small_stack(const mg_runtime_info *info, mg_status status) {
  return status == MG_OK && strcmp(info->isa, "amx") != 0 && strcmp(info->isa, info->isa_best) == 0 && !tiles_are_permitted();
}

static int asked_three(const mg_runtime_info *info, mg_status status) { return status == MG_OK && info->threads == 3; }

static int asked_many(const mg_runtime_info *info, mg_status status) {
  return status == MG_EINVAL && strstr(mg_error(), "MOONGATE_THREADS: \"many\"") && info->threads == info->processors;
}

static const struct {
  const char *variable;
  int (*expected)(const mg_runtime_info *info, mg_status status);
} environments[] = {
  {"MOONGATE_ISA=generic", asked_generic},  {"MOONGATE_ISA=sse9", asked_unknown},   {"MOONGATE_ISA=amx", asked_amx},
  {"MOONGATE_THREADS=3", asked_three},      {"MOONGATE_THREADS=many", asked_many},  {"MOONGATE_ISA=avx512", asked_avx512},
  {SMALL_STACK "=1", has_a_small_stack},
};
enum { ENVIRONMENTS = sizeof environments / sizeof environments[0] };

static int as_expected(int number) {
  mg_runtime_info info;
  mg_status status = mg_runtime(&info);
  return environments[number].expected(&info, status);
}

static const char *program;

static void test_environment(void) {
  for (int i = 0; i < ENVIRONMENTS; i++) {
    char command[4200];
    snprintf(command, sizeof command, "%s %s '%s' %d", environments[i].variable, test_runner(), program, i);
    check_that(system(command) == 0, __FILE__, __LINE__, "%s", environments[i].variable);
  }
}

int main(int count, char **arguments) {
  program = arguments[0];
  if (count > 1) return as_expected(atoi(arguments[1])) ? EXIT_SUCCESS : EXIT_FAILURE;
  RUN(test_information);
  RUN(test_precision);
  RUN(test_interrupt);
  RUN(test_environment);
  return finish();
}
