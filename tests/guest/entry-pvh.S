/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PVH entry: 32-bit, flat, no paging. Then guest_main() on our stack. */
    .section .note.pvh, "a", @note
    .align 4
    .long 4                 /* name size */
    .long 4                 /* descriptor size */
    .long 18                /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long _start

    .text
    .globl _start
_start:
    cld
    movl $stack_top, %esp
    call guest_main
1:  hlt
    jmp 1b

    .bss
    .align 16
    .skip 4096
stack_top:
    .section .note.GNU-stack, "", @progbits
