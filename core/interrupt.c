/* interrupt.c: the first Ctrl-C asks, the second one ends. */
#include <pthread.h>
#include <signal.h>

#include "error.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int depth; /* begins without end */
static struct sigaction before;
static volatile sig_atomic_t pending;

/* Only async-signal-safe calls. The signal is blocked in its handler, so the raised one ends the process after the return. */
static void on_interrupt(int number) {
  if (pending) {
    signal(number, SIG_DFL);
    raise(number);
  }
  pending = 1;
}

static mg_status install(void) {
  struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  pending = 0;
  if (sigaction(SIGINT, &action, &before) != 0) return mg_fail(MG_EUNSUPPORTED, "interrupt: SIGINT cannot be caught here");
  return MG_OK;
}

mg_status mg_interrupt_begin(void) {
  pthread_mutex_lock(&lock);
  mg_status status = depth == 0 ? install() : MG_OK;
  if (status == MG_OK) depth++;
  pthread_mutex_unlock(&lock);
  return status;
}

int32_t mg_interrupt_pending(void) { return pending ? 1 : 0; }

void mg_interrupt_end(void) {
  pthread_mutex_lock(&lock);
  if (depth > 0 && --depth == 0) {
    sigaction(SIGINT, &before, NULL);
    pending = 0;
  }
  pthread_mutex_unlock(&lock);
}
