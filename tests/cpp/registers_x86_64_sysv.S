/* What a test in C++ cannot do: fill every callee-saved register, call the switch core, look again.
 *
 * unsigned long registers_kept(to_switch, save, restore, context): a bit for each register that has
 * changed.
 * spoil_registers(context): a restore callback that spoils them all; the first word of what it
 * returns is 5.
 */
    .text
    .globl  registers_kept
    .type   registers_kept, @function
registers_kept:
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    subq    $24, %rsp
    movq    $0x1111, %rbp
    movq    $0x2222, %rbx
    movq    $0x3333, %r12
    movq    $0x4444, %r13
    movq    $0x5555, %r14
    movq    $0x6666, %r15
    stmxcsr (%rsp)
    fnstcw  4(%rsp)
    movq    %rdi, %rax
    movq    %rsi, %rdi
    movq    %rdx, %rsi
    movq    %rcx, %rdx
    callq   *%rax
    movq    %rax, %rcx
    xorl    %eax, %eax
    cmpq    $5, %rcx                /* restore's result is the switch's */
    setne   %al
    cmpq    $0x1111, %rbp
    je      1f
    orl     $2, %eax
1:  cmpq    $0x2222, %rbx
    je      1f
    orl     $4, %eax
1:  cmpq    $0x3333, %r12
    je      1f
    orl     $8, %eax
1:  cmpq    $0x4444, %r13
    je      1f
    orl     $16, %eax
1:  cmpq    $0x5555, %r14
    je      1f
    orl     $32, %eax
1:  cmpq    $0x6666, %r15
    je      1f
    orl     $64, %eax
1:  stmxcsr 8(%rsp)
    fnstcw  12(%rsp)
    movl    (%rsp), %ecx
    cmpl    8(%rsp), %ecx
    je      1f
    orl     $128, %eax
1:  movw    4(%rsp), %cx
    cmpw    12(%rsp), %cx
    je      1f
    orl     $256, %eax
1:  ldmxcsr (%rsp)
    fldcw   4(%rsp)
    addq    $24, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    retq
    .size   registers_kept, .-registers_kept

    .globl  spoil_registers
    .type   spoil_registers, @function
spoil_registers:
    subq    $8, %rsp
    stmxcsr (%rsp)
    orl     $0x6000, (%rsp)         /* round towards zero */
    ldmxcsr (%rsp)
    fnstcw  (%rsp)
    orl     $0x0c00, (%rsp)
    fldcw   (%rsp)
    addq    $8, %rsp
    movq    $-1, %rbp
    movq    $-1, %rbx
    movq    $-1, %r12
    movq    $-1, %r13
    movq    $-1, %r14
    movq    $-1, %r15
    movl    $5, %eax
    retq
    .size   spoil_registers, .-spoil_registers
    .section .note.GNU-stack, "", @progbits
