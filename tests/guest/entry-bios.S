/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware of 64 KiB: from the reset vector into flat 32-bit mode, copies
 * the guest program to RAM and runs it there. Linked at 0xf0000; the copy
 * runs at its link address 0x10000.
 */
    .section .bios, "ax"
    .code16
    .globl bios_start
bios_start:
    cli
    cld
    movw $0xf000, %ax
    movw %ax, %ds
    lgdtl gdt_pointer - bios_start
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $8, $protected_mode

    .code32
protected_mode:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl $0x90000, %esp
    movb $0x02, %al         /* A20, in case it is masked */
    outb %al, $0x92
    movl $program_load, %esi
    movl $program_start, %edi
    movl $program_words, %ecx
    rep movsl
    xorl %eax, %eax
    movl $program_bss, %edi
    movl $program_bss_words, %ecx
    rep stosl
    movl $guest_main, %eax
    call *%eax
1:  hlt
    jmp 1b

    .align 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
gdt_pointer:
    .word 23
    .long gdt

    .section .reset, "ax"
    .code16
    jmp bios_start
    .section .note.GNU-stack, "", @progbits
