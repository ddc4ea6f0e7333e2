/* What a switch brings to the tealet that it resumes: two words, so that it comes in registers. Not
 * for users.
 */
#ifndef TEALET_ARRIVAL_H
#define TEALET_ARRIVAL_H

struct tealetpp_arrival {
  /* 0: `value` is what came. Positive: no value has come, but an exception or the request to end.
   * Negative: nothing has switched; it is an Errc that says why. In both cases `value` is the
   * domain.
   */
  long what;
  void* value;
};

#endif
