/* runtime_test.c: information, environment, precision, interrupts. Each case that reads the environment runs in a child process. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void test_information(void) {
  mg_runtime_info info;
  CHECK_INT(mg_abi(), MG_ABI);
  CHECK_OK(mg_runtime(&info));
  CHECK(strchr(info.version, '.') && strstr(info.blas, "OpenBLAS") && *info.compiler && *info.cpu);
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

static void with_generic(void) {
  mg_runtime_info info;
  setenv("MOONGATE_ISA", "generic", 1);
  setenv("MOONGATE_THREADS", "3", 1);
  CHILD_CHECK(mg_runtime(&info) == MG_OK && strcmp(info.isa, "generic") == 0);
}

static void with_unknown_isa(void) {
  mg_runtime_info info;
  setenv("MOONGATE_ISA", "sse9", 1);
  CHILD_CHECK(mg_runtime(&info) == MG_EUNSUPPORTED && strstr(mg_error(), "MOONGATE_ISA: unknown value \"sse9\""));
  CHILD_CHECK(strcmp(info.isa, info.isa_best) == 0);
}

static void with_three_threads(void) {
  setenv("MOONGATE_THREADS", "3", 1);
  CHILD_CHECK(mg_get_threads() == 3);
}

static void with_bad_threads(void) {
  mg_runtime_info info;
  setenv("MOONGATE_THREADS", "many", 1);
  CHILD_CHECK(mg_runtime(&info) == MG_EINVAL && strstr(mg_error(), "MOONGATE_THREADS: \"many\""));
  CHILD_CHECK(info.threads == info.processors);
}

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

/* First of all: whatever has been asked once is decided. Threads of a forked child start at 1, so those ask in a program of their own. */
static void test_environment(void) {
  CHECK_INT(in_child(with_generic), 0);
  CHECK_INT(in_child(with_unknown_isa), 0);
}

int main(int count, char **arguments) {
  if (count > 1) {
    if (strcmp(arguments[1], "three") == 0) with_three_threads();
    else with_bad_threads();
    return 0;
  }
  RUN(test_environment);
  char command[4200];
  snprintf(command, sizeof command, "'%s' three", arguments[0]);
  CHECK_INT(system(command), 0);
  snprintf(command, sizeof command, "'%s' many", arguments[0]);
  CHECK_INT(system(command), 0);
  RUN(test_information);
  RUN(test_precision);
  RUN(test_interrupt);
  return finish();
}
