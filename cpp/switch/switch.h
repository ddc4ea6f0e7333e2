/* The C switch core: moves the stack pointer of this thread from one execution to another.
 *
 * It knows no tealet, no heap and no statistics. It allocates nothing, and no C++ exception may
 * cross it: what goes wrong in a callback comes back as that callback's result.
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

/* Called on the stack that is being left. `near` is its stack pointer, 16-byte aligned: every byte
 * from there up to the far end makes up the paused execution, all callee-saved registers included.
 * Returns the stack pointer to continue at: a `near` of an earlier call, `near` itself for "stay",
 * or any 16-byte aligned address above bytes that nobody needs, where `restore` then never returns.
 */
typedef void* (*tealetpp_save_fn)(void* context, void* near);

/* What a switch brings: any two words, which both ABIs return in registers. */
struct tealetpp_switch_result;

/* Called on the stack that is being entered, below the address that `save` returned. The bytes from
 * that address up are whatever happens to lie there: `restore` puts the paused execution's bytes
 * back before it returns. If it never returns it begins a new execution, and nothing above the
 * address is ever used by that one. Its result is the result of tealetpp_switch().
 */
typedef struct tealetpp_switch_result (*tealetpp_restore_fn)(void* context);

/* The contract, the same for every ABI:
 *  1. push every callee-saved register and the floating point control words onto the stack;
 *  2. call save(context, stack pointer), take its result as the new stack pointer;
 *  3. call restore(context);
 *  4. pop what step 1 pushed (now the other execution's) and return restore's result.
 *
 * Between 2 and 3 nothing is read from the stack. Step 3 is made with a zero frame pointer and an
 * undefined return address in the unwind tables, so that debuggers, profilers and C++ unwinding see
 * the outermost frame there: what lies above belongs to somebody else.
 *
 * Only the bits that control how floating point works are kept, not those that tell what happened:
 * by the ABIs, a function may change these. Nor may the callbacks change the former.
 */
struct tealetpp_switch_result tealetpp_switch(tealetpp_save_fn save, tealetpp_restore_fn restore,
                                              void* context) TEALETPP_SWITCH_ATTRIBUTES;

/* The same, but it returns by a jump. A processor predicts where `ret` goes from the call that it
 * saw last, which is right if both executions called tealetpp_switch() from the same place. Where
 * they did so from different ones, in the program's own code, it is wrong every time; a jump is
 * predicted from where it went before. Both push the same frame: what paused in the one may be
 * resumed by the other. Where branch targets may be enforced, which refuses such a jump, they are
 * the same.
 */
struct tealetpp_switch_result tealetpp_switch_by_jump(tealetpp_save_fn save,
                                                      tealetpp_restore_fn restore,
                                                      void* context) TEALETPP_SWITCH_ATTRIBUTES;

#ifdef __cplusplus
}
#endif

#endif
