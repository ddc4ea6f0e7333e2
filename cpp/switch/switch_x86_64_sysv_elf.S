/* The switch core for x86-64, System V ABI, ELF. Contract: switch.h.
 *
 * What it pushes, from the stack pointer that save() is given:
 *
 *   +0x00  MXCSR (4 bytes), x87 control word (2 bytes), 2 bytes unused
 *   +0x08  r15
 *   +0x10  r14
 *   +0x18  r13
 *   +0x20  r12
 *   +0x28  rbx
 *   +0x30  rbp
 *   +0x38  return address, pushed by the caller
 */
    .text
    .p2align 4
    .globl  tealetpp_switch
    .hidden tealetpp_switch
    .type   tealetpp_switch, @function
tealetpp_switch:
    .cfi_startproc
    endbr64
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq   %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq   %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq   %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq   %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    subq    $8, %rsp                /* room for the control words; rsp is 16-byte aligned again */
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw  4(%rsp)

    movq    %rsi, %rbx              /* restore and context must outlive the calls, so they wait in */
    movq    %rdx, %r12              /* registers whose caller's values are safe on the stack now */

    movq    %rdi, %rax
    movq    %rdx, %rdi
    movq    %rsp, %rsi
    callq   *%rax                   /* save(context, near) */

    movq    %rax, %rsp              /* the switch */

    .cfi_remember_state
    .cfi_undefined %rip             /* the bytes above are not this execution's yet: outermost frame */
    xorl    %ebp, %ebp              /* and the same for those who follow frame pointers */
    movq    %r12, %rdi
    callq   *%rbx                   /* restore(context); its result stays in rax */
    .cfi_restore_state

    ldmxcsr (%rsp)
    fldcw   4(%rsp)
    addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq    %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq    %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq    %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq    %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    retq                            /* to the other execution's caller of tealetpp_switch */
    .cfi_endproc
    .size   tealetpp_switch, .-tealetpp_switch

/* No note on shadow stacks: with one, `retq` above would be taken for an attack. The linker then
 * leaves them off for the whole program. */
    .section .note.GNU-stack, "", @progbits
