/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot sector for migration tests: goes to flat 32-bit mode, says 'A' on
 * COM1, zeroes octet 0 of each page in [1 MiB, 100 MiB), then increments
 * these octets page after page for ever, with a 'B' every 64 passes.
 *
 * So on a stopped guest the octets, in address order, may step down by one
 * at a single place: where the current pass has got to.
 */
    .code16
    .text
    .globl _start
_start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    inb $0x92, %al          /* A20 */
    orb $2, %al
    andb $0xfe, %al         /* not the reset bit */
    outb %al, $0x92
    lgdtl gdt_pointer
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $8, $protected_mode

    .code32
protected_mode:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x7c00, %esp
    movw $0x3f8, %dx
    movb $'A', %al
    outb %al, %dx

    movl $0x100000, %ebx
1:  movb $0, (%ebx)
    addl $0x1000, %ebx
    cmpl $0x6400000, %ebx
    jb 1b

    xorl %ecx, %ecx         /* passes */
2:  movl $0x100000, %ebx
3:  incb (%ebx)
    addl $0x1000, %ebx
    cmpl $0x6400000, %ebx
    jb 3b
    incl %ecx
    testl $63, %ecx
    jnz 2b
    movb $'B', %al
    outb %al, %dx
    jmp 2b

    .align 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
gdt_pointer:
    .word 23
    .long gdt

    .org 510
    .byte 0x55, 0xaa
    .section .note.GNU-stack, "", @progbits
