"""Which thread may run: one at a time, in an order that the seed decides; or all of them."""

import _thread
import threading
import time


class Turns:
    def __init__(self, lock_step):
        self.lock_step = lock_step
        self.waiting = {}  # thread -> the lock that it waits for
        self.holder = None
        self.leaving = None  # a thread that has passed on its turn and is about to end

    def join(self, thread):
        self.waiting[thread] = _thread.allocate_lock()
        self.waiting[thread].acquire()

    def wait(self, thread):
        if self.lock_step:
            self.waiting[thread].acquire()
            self.see_off()

    def begin(self, first):
        if self.lock_step:
            self.pass_to(first)

    def pass_to(self, thread):
        self.holder = thread
        self.waiting[thread].release()

    def give(self, me, rng):
        """Lets another thread run; returns when it is this one's turn again."""
        if not self.lock_step:
            time.sleep(0)
            return
        others = [thread for thread in self.waiting if thread is not me]
        # A __del__ that runs after its thread has passed on the turn must not pass it on again.
        if others and self.holder is me:
            mine = self.waiting[me]
            self.pass_to(rng.choice(others))
            mine.acquire()
            self.see_off()

    def leave(self, me, rng):
        """Passes on the turn for good: the thread of `me` ends."""
        del self.waiting[me]
        if self.lock_step and self.waiting:
            if threading.current_thread() is not threading.main_thread():
                self.leaving = threading.current_thread()
            self.pass_to(rng.choice(list(self.waiting)))

    def see_off(self):
        """Waits until the leaving thread has ended: it drops its last objects before others run."""
        leaving, self.leaving = self.leaving, None
        if leaving is not None:
            leaving.join()
