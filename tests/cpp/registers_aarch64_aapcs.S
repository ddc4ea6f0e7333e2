/* What a test in C++ cannot do: fill every callee-saved register, call the switch core, look again.
 *
 * unsigned long registers_kept(to_switch, save, restore, context): a bit for each register that has
 * changed.
 * spoil_registers(context): a restore callback that spoils them all; the first word of what it
 * returns is 5.
 */
    .text
    .p2align 2
    .globl  registers_kept
    .type   registers_kept, @function
registers_kept:
    stp     x29, x30, [sp, #-0xb0]!
    stp     x19, x20, [sp, #0x10]
    stp     x21, x22, [sp, #0x20]
    stp     x23, x24, [sp, #0x30]
    stp     x25, x26, [sp, #0x40]
    stp     x27, x28, [sp, #0x50]
    stp     d8,  d9,  [sp, #0x60]
    stp     d10, d11, [sp, #0x70]
    stp     d12, d13, [sp, #0x80]
    stp     d14, d15, [sp, #0x90]
    mrs     x9, fpcr
    str     x9, [sp, #0xa0]
    mov     x19, #0x1311
    mov     x20, #0x1411
    mov     x21, #0x1511
    mov     x22, #0x1611
    mov     x23, #0x1711
    mov     x24, #0x1811
    mov     x25, #0x1911
    mov     x26, #0x1a11
    mov     x27, #0x1b11
    mov     x28, #0x1c11
    mov     x29, #0x1d11
    mov     x9, #0x822
    fmov    d8, x9
    mov     x9, #0x922
    fmov    d9, x9
    mov     x9, #0xa22
    fmov    d10, x9
    mov     x9, #0xb22
    fmov    d11, x9
    mov     x9, #0xc22
    fmov    d12, x9
    mov     x9, #0xd22
    fmov    d13, x9
    mov     x9, #0xe22
    fmov    d14, x9
    mov     x9, #0xf22
    fmov    d15, x9
    mov     x9, x0
    mov     x0, x1
    mov     x1, x2
    mov     x2, x3
    blr     x9
    cmp     x0, #5                  /* restore's result is the switch's */
    cset    x0, ne
    mov     x9, #0x1311
    cmp     x19, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #1
    mov     x9, #0x1411
    cmp     x20, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #2
    mov     x9, #0x1511
    cmp     x21, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #3
    mov     x9, #0x1611
    cmp     x22, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #4
    mov     x9, #0x1711
    cmp     x23, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #5
    mov     x9, #0x1811
    cmp     x24, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #6
    mov     x9, #0x1911
    cmp     x25, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #7
    mov     x9, #0x1a11
    cmp     x26, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #8
    mov     x9, #0x1b11
    cmp     x27, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #9
    mov     x9, #0x1c11
    cmp     x28, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #10
    mov     x9, #0x1d11
    cmp     x29, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #11
    mov     x9, #0x822
    fmov    x11, d8
    cmp     x11, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #12
    mov     x9, #0x922
    fmov    x11, d9
    cmp     x11, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #13
    mov     x9, #0xa22
    fmov    x11, d10
    cmp     x11, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #14
    mov     x9, #0xb22
    fmov    x11, d11
    cmp     x11, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #15
    mov     x9, #0xc22
    fmov    x11, d12
    cmp     x11, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #16
    mov     x9, #0xd22
    fmov    x11, d13
    cmp     x11, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #17
    mov     x9, #0xe22
    fmov    x11, d14
    cmp     x11, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #18
    mov     x9, #0xf22
    fmov    x11, d15
    cmp     x11, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #19
    ldr     x9, [sp, #0xa0]
    mrs     x11, fpcr
    cmp     x11, x9
    cset    x10, ne
    orr     x0, x0, x10, lsl #20
    msr     fpcr, x9
    ldp     d14, d15, [sp, #0x90]
    ldp     d12, d13, [sp, #0x80]
    ldp     d10, d11, [sp, #0x70]
    ldp     d8,  d9,  [sp, #0x60]
    ldp     x27, x28, [sp, #0x50]
    ldp     x25, x26, [sp, #0x40]
    ldp     x23, x24, [sp, #0x30]
    ldp     x21, x22, [sp, #0x20]
    ldp     x19, x20, [sp, #0x10]
    ldp     x29, x30, [sp], #0xb0
    ret
    .size   registers_kept, .-registers_kept

    .globl  spoil_registers
    .type   spoil_registers, @function
spoil_registers:
    mrs     x9, fpcr
    orr     x9, x9, #0xc00000       /* round towards zero */
    msr     fpcr, x9
    mov     x9, #-1
    mov     x19, x9
    mov     x20, x9
    mov     x21, x9
    mov     x22, x9
    mov     x23, x9
    mov     x24, x9
    mov     x25, x9
    mov     x26, x9
    mov     x27, x9
    mov     x28, x9
    mov     x29, x9
    fmov    d8, x9
    fmov    d9, x9
    fmov    d10, x9
    fmov    d11, x9
    fmov    d12, x9
    fmov    d13, x9
    fmov    d14, x9
    fmov    d15, x9
    mov     x0, #5
    ret
    .size   spoil_registers, .-spoil_registers
    .section .note.GNU-stack, "", %progbits
