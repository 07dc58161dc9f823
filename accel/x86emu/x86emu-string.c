/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * String instructions. The library runs a whole REP at once; here it can be
 * interrupted between elements, faults leave exact counts, and runs of plain
 * RAM are moved by the page. vCPU thread.
 */
#include "qemu/osdep.h"

#include "x86emu-int.h"

#include "system/ioport.h"

/* Elements between two looks at what wants the vCPU out. */
#define STRING_CHUNK 1024

typedef struct StringOp {
    EmuInsn *in;
    X86Emu *e;
    unsigned size_bytes;
    int32_t step;
    uint32_t mask; /* of SI, DI and the count */
    uint32_t *si, *di, *cx;
    sel_t *src;
    sel_t *dst;
} StringOp;

static void string_advance(uint32_t *reg, uint32_t mask, int64_t by)
{
    *reg = (*reg & ~mask) | ((*reg + (uint32_t)by) & mask);
}

static bool string_load(StringOp *s, uint32_t *value)
{
    *value = 0;
    return emu_seg_access(s->e, (EmuFar){ s->src, *s->si & s->mask }, value, s->size_bytes, X86_READ);
}

static bool string_store(StringOp *s, uint32_t value)
{
    return emu_seg_access(s->e, (EmuFar){ s->dst, *s->di & s->mask }, &value, s->size_bytes, X86_WRITE);
}

static bool string_port_allowed(StringOp *s)
{
    if ((s->e->emu->x86.crx[0] & CR0_PE_MASK) &&
        emu_cpl(s->e) > emu_iopl(s->e)) {
        emu_raise(s->e, EXC_GP, true, 0);
        return false;
    }
    return true;
}

/* One element; *@again says whether a REP goes on as far as flags say. */
static bool string_element(StringOp *s, bool *again)
{
    X86Emu *e = s->e;
    uint32_t a, b = 0;
    uint16_t port = *emu_reg32(e, 2);
    bool uses_si = false, uses_di = false;

    *again = true;
    switch (s->in->opcode & 0xfe) {
    case 0xa4: /* movs */
        uses_si = uses_di = true;
        if (!string_load(s, &a) || !string_store(s, a)) {
            return false;
        }
        break;
    case 0xaa: /* stos */
        uses_di = true;
        if (!string_store(s, *emu_reg32(e, 0))) {
            return false;
        }
        break;
    case 0xac: /* lods */
        uses_si = true;
        if (!string_load(s, &a)) {
            return false;
        }
        memcpy(emu_reg32(e, 0), &a, s->size_bytes);
        break;
    case 0xa6: /* cmps */
    case 0xae: /* scas */
        uses_di = true;
        uses_si = (s->in->opcode & 0xfe) == 0xa6;
        a = 0;
        if (!uses_si) {
            memcpy(&a, emu_reg32(e, 0), s->size_bytes);
        } else if (!string_load(s, &a)) {
            return false;
        }
        if (!emu_seg_access(e, (EmuFar){ s->dst, *s->di & s->mask }, &b, s->size_bytes, X86_READ)) {
            return false;
        }
        emu_set_sub_flags(e, a, b, s->size_bytes);
        *again = (a == b) == (s->in->rep == 0xf3);
        break;
    case 0x6c: /* ins */
        uses_di = true;
        if (!string_port_allowed(s)) {
            return false;
        }
        /* Whether the store works must be known before the port is read. */
        if (!emu_seg_access(e, (EmuFar){ s->dst, *s->di & s->mask }, &a, s->size_bytes, X86_READ) ||
            !string_store(s, a)) {
            return false;
        }
        if (!string_store(s, ioport_read(e->vm, port, s->size_bytes))) {
            return false;
        }
        break;
    case 0x6e: /* outs */
        uses_si = true;
        if (!string_port_allowed(s) || !string_load(s, &a)) {
            return false;
        }
        ioport_write(e->vm, port, a, s->size_bytes);
        break;
    }
    if (uses_si) {
        string_advance(s->si, s->mask, s->step);
    }
    if (uses_di) {
        string_advance(s->di, s->mask, s->step);
    }
    return true;
}

static void fill(uint8_t *dst, uint32_t value, unsigned size_bytes,
                 uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        memcpy(dst + (size_t)i * size_bytes, &value, size_bytes);
    }
}

/* Elements from @lin to its page's end or @seg's limit, at most @count. */
static uint32_t string_run(const StringOp *s, const sel_t *seg,
                           uint32_t offset, uint32_t count)
{
    uint32_t left = TARGET_PAGE_SIZE - ((seg->base + offset) & 0xfff);
    uint64_t room = offset > seg->limit
                        ? 0
                        : (uint64_t)seg->limit - offset + 1;

    room = MIN(room, (uint64_t)s->mask - offset + 1);
    return MIN(count, MIN(left, room) / s->size_bytes);
}

/*
 * Forward REP MOVS and STOS over RAM that the TLB knows. Returns how many
 * elements were done; 0 leaves it to string_element().
 */
static uint32_t string_bulk(StringOp *s, uint32_t count)
{
    bool movs = (s->in->opcode & 0xfe) == 0xa4;
    uint32_t di = *s->di & s->mask, si = *s->si & s->mask;
    uint32_t lin = s->dst->base + di;
    EmuTLBEntry *dst_entry, *src_entry;
    uint8_t *dst, *src;

    if (s->step < 0 || (!movs && (s->in->opcode & 0xfe) != 0xaa)) {
        return 0;
    }
    count = string_run(s, s->dst, di, count);
    dst = emu_host(s->e, lin, true, &dst_entry);
    if (!count || !dst) {
        return 0;
    }
    if (movs) {
        count = string_run(s, s->src, si, count);
        src = emu_host(s->e, s->src->base + si, false, &src_entry);
        size_t bytes = (size_t)count * s->size_bytes;

        if (!count || !src || (dst < src + bytes && src < dst + bytes)) {
            return 0;
        }
        memcpy(dst, src, bytes);
        string_advance(s->si, s->mask, bytes);
    } else {
        fill(dst, *emu_reg32(s->e, 0), s->size_bytes, count);
    }
    emu_stored(dst_entry, lin, count * s->size_bytes);
    string_advance(s->di, s->mask, (int64_t)count * s->size_bytes);
    return count;
}

/* *@done: the count ran out or a comparison ended it. */
static bool string_repeat(StringOp *s, bool *done)
{
    for (unsigned n = 0; n < STRING_CHUNK; n++) {
        uint32_t count = *s->cx & s->mask;
        bool again = true;

        *done = count == 0;
        if (*done) {
            return true;
        }
        uint32_t did = string_bulk(s, count);

        if (!did) {
            if (!string_element(s, &again)) {
                return false;
            }
            did = 1;
        }
        string_advance(s->cx, s->mask, -(int64_t)did);
        *done = !again;
        if (*done) {
            return true;
        }
    }
    return true;
}

EmuResult emu_string(EmuInsn *in)
{
    X86Emu *e = in->e;
    x86emu_regs_t *x86 = &e->emu->x86;
    unsigned size = !(in->opcode & 1) ? 1 : in->data32 ? 4 : 2;
    StringOp s = {
        .in = in,
        .e = e,
        .size_bytes = size,
        .step = x86->spc.FLAGS & FB_DF ? -(int32_t)size : (int32_t)size,
        .mask = in->addr32 ? UINT32_MAX : 0xffff,
        .si = emu_reg32(e, 6),
        .di = emu_reg32(e, 7),
        .cx = emu_reg32(e, 1),
        .src = in->segment ? in->segment : &x86->seg[R_DS_INDEX],
        .dst = &x86->seg[R_ES_INDEX],
    };
    bool done = false, again;

    if (!in->rep) {
        if (!string_element(&s, &again)) {
            return EMU_FAULT;
        }
        x86->spc.IP.I32_reg.e_reg = in->eip;
        return EMU_DONE;
    }
    while (!done) {
        if (!string_repeat(&s, &done)) {
            return EMU_FAULT;
        }
        if (!done && emu_wants_out(e)) {
            return EMU_STOP;
        }
    }
    x86->spc.IP.I32_reg.e_reg = in->eip;
    return EMU_DONE;
}
