/* Tealets made, duplicated and deleted on other threads under a lock, while the domain's own thread
 * switches. POSIX threads.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>

#include "support.h"

#define THREADS 3
#define ROUNDS 2000

static pthread_mutex_t mutex;
static upstream_t upstream;
static tealet_t* main_tealet;
static tealet_t* original; /* paused all the time */
static int done;           /* threads; under the mutex, as all the rest */

static void take(void* arg) { CHECK(pthread_mutex_lock((pthread_mutex_t*)arg) == 0); }
static void give(void* arg) { CHECK(pthread_mutex_unlock((pthread_mutex_t*)arg) == 0); }

static void* work(void* arg) {
  tealet_t* kept[4] = {NULL, NULL, NULL, NULL};
  int i;

  (void)arg;
  for (i = 0; i < ROUNDS; ++i) {
    tealet_t** slot = &kept[i % 4];

    if (*slot != NULL) tealet_delete(*slot);
    *slot = i % 3 != 0 ? tealet_duplicate(original) : tealet_new(main_tealet);
    CHECK(*slot != NULL && (*slot)->main == main_tealet);
  }
  for (i = 0; i < 4; ++i) tealet_delete(kept[i]);
  take(&mutex);
  done += 1;
  give(&mutex);
  return NULL;
}

static int all_done(void) {
  int all;

  tealet_lock(main_tealet);
  all = done == THREADS;
  tealet_unlock(main_tealet);
  return all;
}

static tealet_t* partner;

static tealet_t* plays(tealet_t* current, void* arg) {
  pattern_t pattern;

  pattern_init(&pattern, 4);
  for (;;) {
    tealet_t* const next = number(arg) % 2 == 0 && current != partner ? partner : current->main;
    tealet_switch(next, &arg, TEALET_XFER_DEFAULT);
    CHECK(pattern_intact(&pattern));
  }
  return NULL;
}

static void begin_to_play(void* arg) {
  void* value = token(1);

  CHECK(tealet_run((tealet_t*)arg, plays, &value, NULL, TEALET_START_SWITCH) == 0);
}

static void test_foreign_threads(void) {
  pthread_mutexattr_t attributes;
  pthread_t threads[THREADS];
  tealet_lock_t lock;
  tealet_stats_t before;
  tealet_stats_t after;
  tealet_t* player;
  long n;

  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK); /* not recursive */
  pthread_mutex_init(&mutex, &attributes);
  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 16);
  lock.mode = TEALET_LOCK_AUTO;
  lock.lock = take;
  lock.unlock = give;
  lock.arg = &mutex;
  CHECK(tealet_configure_set_locking(main_tealet, &lock) == 0);

  original = paused_echo(main_tealet);
  player = tealet_new(main_tealet);
  partner = tealet_new(main_tealet);
  at_depth(6, begin_to_play, player);
  at_depth(0, begin_to_play, partner);
  before = stats_of(main_tealet);
  for (n = 0; n < THREADS; ++n) CHECK(pthread_create(&threads[n], NULL, work, NULL) == 0);
  for (n = 0; !all_done(); ++n) {
    void* arg = token(n);
    CHECK(tealet_switch(n % 3 == 0 ? partner : player, &arg, TEALET_XFER_DEFAULT) == 0);
    if (n % 16 == 0) {
      tealet_t* t = paused_echo(main_tealet);
      tealet_delete(t);
    }
  }
  for (n = 0; n < THREADS; ++n) CHECK(pthread_join(threads[n], NULL) == 0);
  after = stats_of(main_tealet);
  CHECK(before.n_active == after.n_active && before.blocks_allocated == after.blocks_allocated);
  CHECK(figures_hold(main_tealet, &upstream));
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
  pthread_mutex_destroy(&mutex);
  pthread_mutexattr_destroy(&attributes);
}

int main(void) {
  test_foreign_threads();
  return checks_done();
}
