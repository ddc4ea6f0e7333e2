/* The switch core: moves the stack pointer of this thread from one execution to another.
 *
 * It knows no tealets, no heap and no statistics. It allocates nothing. No C++ exception may cross
 * it: a callback reports an error by its result.
 */
#ifndef TEALETPP_SWITCH_H
#define TEALETPP_SWITCH_H

#if !defined(__linux__) || !(defined(__x86_64__) || defined(__aarch64__)) || defined(__ILP32__)
#error "tealetpp has a switch core for Linux on x86-64 and AArch64 (LP64) only"
#endif

#if defined(__GNUC__)
#define TEALETPP_SWITCH_ATTRIBUTES __attribute__((visibility("hidden"), nothrow))
#else
#define TEALETPP_SWITCH_ATTRIBUTES
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Called on the stack that is left. `near` is its stack pointer, 16-byte aligned. The bytes from
 * there up to the far end are the paused execution, with all callee-saved registers.
 *
 * Returns the stack pointer to continue at, which is one of
 *  - the `near` of an earlier call, to resume that execution;
 *  - `near` itself, to stay;
 *  - any 16-byte aligned address, to begin a new execution below it. The bytes below it must not be
 *    needed, and `restore` must never return.
 */
typedef void* (*tealetpp_save_fn)(void* context, void* near);

/* The result of a switch: two words, which both ABIs return in registers. */
struct tealetpp_switch_result;

/* Called on the stack that is entered, below the address that `save` returned. The bytes from that
 * address up may be those of another execution. `restore` puts the bytes of the resumed execution
 * back before it returns; its result is then the result of tealetpp_switch(). For a new execution
 * it never returns, and uses nothing above the address.
 */
typedef struct tealetpp_switch_result (*tealetpp_restore_fn)(void* context);

/* The contract, the same for every ABI:
 *  1. push every callee-saved register and the floating point control words onto the stack;
 *  2. call save(context, stack pointer), take its result as the new stack pointer;
 *  3. call restore(context);
 *  4. pop what step 1 of the entered execution pushed, and return restore's result.
 *
 * Between 2 and 3 nothing is read from the stack. During step 3 the frame pointer is zero, and the
 * return address is undefined in the unwind tables. So debuggers, profilers and C++ unwinding see
 * an outermost frame there: the bytes above it belong to another execution.
 *
 * Only the bits that control floating point are saved. Those that report floating point exceptions
 * are not: by the ABIs any function may change them. The callbacks must not change the control
 * bits.
 */
struct tealetpp_switch_result tealetpp_switch(tealetpp_save_fn save, tealetpp_restore_fn restore,
                                              void* context) TEALETPP_SWITCH_ATTRIBUTES;

/* The same, but returns by a jump. A processor predicts the target of `ret` from the last call that
 * it saw. That is right if both executions have called tealetpp_switch() from the same place. If
 * the places differ, in the program's own code, it is wrong every time; the target of a jump is
 * predicted from where it went before.
 *
 * Both functions push the same frame, so an execution that paused in one may be resumed by the
 * other. On AArch64 they are the same function: enforced branch targets would refuse such a jump.
 */
struct tealetpp_switch_result tealetpp_switch_by_jump(tealetpp_save_fn save,
                                                      tealetpp_restore_fn restore,
                                                      void* context) TEALETPP_SWITCH_ATTRIBUTES;

#ifdef __cplusplus
}
#endif

#endif
