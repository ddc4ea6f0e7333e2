/* The switch core for AArch64, AAPCS64, ELF. Contract: switch.h.
 *
 * What it pushes, from the stack pointer that save() is given:
 *
 *   +0x00  x29 (frame pointer), x30 (return address)
 *   +0x10  x19, x20
 *   +0x20  x21, x22
 *   +0x30  x23, x24
 *   +0x40  x25, x26
 *   +0x50  x27, x28
 *   +0x60  d8,  d9                 (the ABI keeps the low halves of v8 to v15)
 *   +0x70  d10, d11
 *   +0x80  d12, d13
 *   +0x90  d14, d15
 *   +0xa0  FPCR, 8 bytes unused
 */
    .text
    .p2align 4
    .globl  tealetpp_switch
    .hidden tealetpp_switch
    .type   tealetpp_switch, %function
tealetpp_switch:
    .cfi_startproc
    hint    #34                     /* bti c: may be called through a pointer */
    stp     x29, x30, [sp, #-0xb0]!
    .cfi_adjust_cfa_offset 0xb0
    .cfi_rel_offset x29, 0x00
    .cfi_rel_offset x30, 0x08
    stp     x19, x20, [sp, #0x10]
    .cfi_rel_offset x19, 0x10
    .cfi_rel_offset x20, 0x18
    stp     x21, x22, [sp, #0x20]
    .cfi_rel_offset x21, 0x20
    .cfi_rel_offset x22, 0x28
    stp     x23, x24, [sp, #0x30]
    .cfi_rel_offset x23, 0x30
    .cfi_rel_offset x24, 0x38
    stp     x25, x26, [sp, #0x40]
    .cfi_rel_offset x25, 0x40
    .cfi_rel_offset x26, 0x48
    stp     x27, x28, [sp, #0x50]
    .cfi_rel_offset x27, 0x50
    .cfi_rel_offset x28, 0x58
    stp     d8,  d9,  [sp, #0x60]
    .cfi_rel_offset d8, 0x60
    .cfi_rel_offset d9, 0x68
    stp     d10, d11, [sp, #0x70]
    .cfi_rel_offset d10, 0x70
    .cfi_rel_offset d11, 0x78
    stp     d12, d13, [sp, #0x80]
    .cfi_rel_offset d12, 0x80
    .cfi_rel_offset d13, 0x88
    stp     d14, d15, [sp, #0x90]
    .cfi_rel_offset d14, 0x90
    .cfi_rel_offset d15, 0x98
    mrs     x9, fpcr
    str     x9, [sp, #0xa0]

    mov     x21, x9                 /* FPCR, needed after the calls: kept in callee-saved */
    mov     x19, x1                 /* registers, which are free now; so are restore */
    mov     x20, x2                 /* and context */

    mov     x3, x0
    mov     x0, x2
    mov     x1, sp
    blr     x3                      /* save(context, near) */

    mov     sp, x0                  /* the switch */

    .cfi_remember_state
    .cfi_undefined x30              /* outermost frame: the bytes above are another execution's */
    mov     x29, xzr                /* the same for tools that follow frame pointers */
    mov     x0, x20
    blr     x19                     /* restore(context); its result stays in x0 and x1 */
    .cfi_restore_state

    ldr     x9, [sp, #0xa0]
    cmp     x9, x21                 /* setting it is slow, and it hardly ever differs */
    b.eq    1f
    msr     fpcr, x9
1:
    ldp     d14, d15, [sp, #0x90]
    .cfi_restore d14
    .cfi_restore d15
    ldp     d12, d13, [sp, #0x80]
    .cfi_restore d12
    .cfi_restore d13
    ldp     d10, d11, [sp, #0x70]
    .cfi_restore d10
    .cfi_restore d11
    ldp     d8,  d9,  [sp, #0x60]
    .cfi_restore d8
    .cfi_restore d9
    ldp     x27, x28, [sp, #0x50]
    .cfi_restore x27
    .cfi_restore x28
    ldp     x25, x26, [sp, #0x40]
    .cfi_restore x25
    .cfi_restore x26
    ldp     x23, x24, [sp, #0x30]
    .cfi_restore x23
    .cfi_restore x24
    ldp     x21, x22, [sp, #0x20]
    .cfi_restore x21
    .cfi_restore x22
    ldp     x19, x20, [sp, #0x10]
    .cfi_restore x19
    .cfi_restore x20
    ldp     x29, x30, [sp], #0xb0
    .cfi_adjust_cfa_offset -0xb0
    .cfi_restore x29
    .cfi_restore x30
    ret                             /* to the caller of the resumed execution */
    .cfi_endproc
    .size   tealetpp_switch, .-tealetpp_switch

/* Enforced branch targets refuse a jump to the place after a call. */
    .globl  tealetpp_switch_by_jump
    .hidden tealetpp_switch_by_jump
    .set    tealetpp_switch_by_jump, tealetpp_switch

    .section .note.GNU-stack, "", %progbits
