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

    .macro  SWITCH name, by_jump
    .p2align 4
    .globl  \name
    .hidden \name
    .type   \name, @function
\name:
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
    subq    $8, %rsp                /* space for the control words; aligns rsp to 16 bytes */
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw  4(%rsp)

    movl    (%rsp), %r13d           /* the control words, needed after the calls: kept in */
    movzwl  4(%rsp), %r14d          /* callee-saved registers, which are free now; so are */
    movq    %rsi, %rbx              /* restore */
    movq    %rdx, %r12              /* and context */

    movq    %rdi, %rax
    movq    %rdx, %rdi
    movq    %rsp, %rsi
    callq   *%rax                   /* save(context, near) */

    movq    %rax, %rsp              /* the switch */

    .cfi_remember_state
    .cfi_undefined %rip             /* outermost frame: the bytes above are another execution's */
    xorl    %ebp, %ebp              /* the same for tools that follow frame pointers */
    movq    %r12, %rdi
    callq   *%rbx                   /* restore(context); its result stays in rax and rdx */
    .cfi_restore_state

    xorl    (%rsp), %r13d           /* loading the control words is slow, and they hardly ever */
    testl   $~0x3f, %r13d           /* differ; the low six bits of MXCSR report exceptions and */
    jne     3f                      /* control nothing */
1:  cmpw    4(%rsp), %r14w
    jne     4f
2:  .cfi_remember_state
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
    .ifb    \by_jump
    retq                            /* to the caller of the resumed execution */
    .else
    popq    %rcx                    /* the same by a jump */
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    notrack jmpq *%rcx
    .endif
    .cfi_restore_state
3:  ldmxcsr (%rsp)
    jmp     1b
4:  fldcw   4(%rsp)
    jmp     2b
    .cfi_endproc
    .size   \name, .-\name
    .endm

    SWITCH  tealetpp_switch
    SWITCH  tealetpp_switch_by_jump, by_jump

/* No note says that this supports shadow stacks, so the linker turns them off for the program.
 * With a shadow stack `retq` would fail, since another execution made the call. A jump would leave
 * the shadow stack out of step.
 */
    .section .note.GNU-stack, "", @progbits
