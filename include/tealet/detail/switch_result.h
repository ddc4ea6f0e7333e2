/* The result of a switch. Two words, so that it is returned in registers. Not for users.
 */
#ifndef TEALET_DETAIL_SWITCH_RESULT_H
#define TEALET_DETAIL_SWITCH_RESULT_H

struct tealetpp_switch_result {
  /* 0: `value` is the value of the message. Positive: the message is an exception or the request to
   * unwind. Negative: nothing has switched, and this is the Errc. If not 0, `value` is the domain.
   */
  long what;
  void* value;
};

#endif
