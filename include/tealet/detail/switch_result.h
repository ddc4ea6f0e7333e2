/* What a switch brings to the tealet that it resumes: two words, so that it comes in registers. Not
 * for users.
 */
#ifndef TEALET_DETAIL_SWITCH_RESULT_H
#define TEALET_DETAIL_SWITCH_RESULT_H

struct tealetpp_switch_result {
  /* 0: `value` is what came. Positive: no value has come, but an exception or the request to end.
   * Negative: nothing has switched; it is an Errc that says why. In both cases `value` is the
   * domain.
   */
  long what;
  void* value;
};

#endif
