/* What a switch brings to the tealet that it resumes: two words, so that it comes in registers. Not
 * for users.
 */
#ifndef TEALET_ARRIVAL_H
#define TEALET_ARRIVAL_H

struct tealetpp_arrival {
  /* 0: `value` is what came. Positive: it was no value, but a core::Signal other than that.
   * Negative: nothing has switched, for this Errc. `value` is the domain then. */
  long what;
  void* value;
};

#endif
