/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP commands on guest memory, I/O ports and numbers. Main thread, BQL. */
#include "qemu/osdep.h"
#include "hmp-cmds.h"
#include "system/cpus.h"
#include "system/ioport.h"
#include "system/memory.h"

/* More than this at once is a slip of the pen, and would be megabytes. */
#define XP_MAX_BYTES (16 * KiB)
#define XP_LINE_BYTES 16

static void print_char(GString *out, uint8_t c)
{
    static const char special[] = "'\\\n\r";
    static const char letter[] = "'\\nr";
    const char *found = c ? strchr(special, c) : NULL;

    if (found) {
        g_string_append_printf(out, "'\\%c'", letter[found - special]);
    } else if (c >= ' ' && c < 0x7f) {
        g_string_append_printf(out, "'%c'", c);
    } else {
        g_string_append_printf(out, "'\\x%02x'", c);
    }
}

/* One number of @size bytes, aligned as a column. */
static void print_number(GString *out, char format, unsigned size,
                         uint64_t value)
{
    static const int decimal_width[] = { [1] = 3, [2] = 5, [4] = 10,
                                         [8] = 20 };
    unsigned shift = 64 - 8 * size;
    int octal_width = (8 * size + 2) / 3;

    switch (format) {
    case 'x':
        g_string_append_printf(out, "0x%0*" PRIx64, (int)size * 2, value);
        break;
    case 'o':
        g_string_append_printf(out, "0%*" PRIo64, octal_width, value);
        break;
    case 'u':
        g_string_append_printf(out, "%*" PRIu64, decimal_width[size], value);
        break;
    case 'd':
        g_string_append_printf(out, "%*" PRId64, decimal_width[size],
                               (int64_t)(value << shift) >> shift);
        break;
    case 'c':
        print_char(out, value);
        break;
    }
}

/* @cpu: whose virtual address @addr is; NULL: it is physical. */
static bool read_bytes(VM *vm, CPUState *cpu, uint64_t addr, uint8_t *buf,
                       size_t len_bytes)
{
    while (len_bytes) {
        size_t part = MIN(len_bytes,
                          TARGET_PAGE_SIZE - addr % TARGET_PAGE_SIZE);
        uint64_t paddr = addr;

        if ((cpu && !cpu_arch_translate(cpu, addr, &paddr)) ||
            !memory_read(vm, paddr, buf, part)) {
            return false;
        }
        addr += part;
        buf += part;
        len_bytes -= part;
    }
    return true;
}

static void dump_memory(HmpCall *call, CPUState *cpu)
{
    uint64_t addr = hmp_int(call, "addr");
    uint64_t count = hmp_int(call, "count");
    unsigned size = hmp_int(call, "size");
    char format = hmp_int(call, "format");
    uint64_t left;

    if (format == 'i') {
        g_string_append(call->out, "Error: instructions cannot be shown; "
                                   "use x, d, u, o or c\n");
        return;
    }
    if (count > XP_MAX_BYTES / size) {
        g_string_append_printf(call->out, "Error: count is too large: at "
                               "most %llu units of this size\n",
                               XP_MAX_BYTES / size);
        return;
    }
    for (left = count * size; left;) {
        unsigned n = MIN(left, XP_LINE_BYTES);
        uint8_t buf[XP_LINE_BYTES];

        g_string_append_printf(call->out, "%016" PRIx64 ":", addr);
        if (!read_bytes(call->ctx->vm, cpu, addr, buf, n)) {
            g_string_append(call->out, " Cannot access memory\n");
            return;
        }
        for (unsigned i = 0; i < n; i += size) {
            uint64_t value = 0;

            memcpy(&value, buf + i, size);
            g_string_append_c(call->out, ' ');
            print_number(call->out, format, size, GUINT64_FROM_LE(value));
        }
        g_string_append_c(call->out, '\n');
        addr += n;
        left -= n;
    }
}

void hmp_xp(HmpCall *call)
{
    dump_memory(call, NULL);
}

void hmp_x(HmpCall *call)
{
    VM *vm = call->ctx->vm;
    CPUState *cpu = vm->cpus ? cpu_get(vm, (unsigned)call->cpu_index) : NULL;
    Error *err = NULL;

    if (!cpu) {
        g_string_append(call->out, "Can not dump without CPU; 'xp' shows "
                                   "physical memory\n");
        return;
    }
    if (!cpus_peek_begin(vm, &err)) {
        hmp_error(call, err);
        return;
    }
    dump_memory(call, cpu);
    cpus_peek_end(vm);
}

/* The BSD checksum: rotate right, add. */
void hmp_sum(HmpCall *call)
{
    uint64_t addr = hmp_int(call, "start");
    uint64_t left = (uint32_t)hmp_int(call, "size");
    uint16_t sum = 0;

    while (left) {
        uint8_t buf[4096];
        size_t n = MIN(left, sizeof(buf));

        memory_read(call->ctx->vm, addr, buf, n);
        for (size_t i = 0; i < n; i++) {
            sum = (uint16_t)(sum >> 1 | sum << 15);
            sum += buf[i];
        }
        addr += n;
        left -= n;
    }
    g_string_append_printf(call->out, "%05d\n", sum);
}

void hmp_print(HmpCall *call)
{
    uint64_t value = hmp_int(call, "val");

    switch ((char)hmp_int(call, "format")) {
    case 'o':
        g_string_append_printf(call->out, "%#" PRIo64 "\n", value);
        break;
    case 'x':
        g_string_append_printf(call->out, "%#" PRIx64 "\n", value);
        break;
    case 'u':
        g_string_append_printf(call->out, "%" PRIu64 "\n", value);
        break;
    case 'c':
        print_char(call->out, value);
        g_string_append_c(call->out, '\n');
        break;
    default:
        g_string_append_printf(call->out, "%" PRId64 "\n", (int64_t)value);
        break;
    }
}

/* --- I/O ports ----------------------------------------------------------- */

/* An access is as wide as the format says; without a size one octet. */
static unsigned port_size_bytes(HmpCall *call)
{
    return MIN(hmp_int(call, "size"), 4);
}

void hmp_ioport_read(HmpCall *call)
{
    static const char letter[] = { [1] = 'b', [2] = 'w', [4] = 'l' };
    unsigned size_bytes = port_size_bytes(call);
    uint16_t port = hmp_int(call, "addr");

    g_string_append_printf(call->out, "port%c[0x%04x] = 0x%0*x\n",
                           letter[size_bytes], port, (int)size_bytes * 2,
                           ioport_read(call->ctx->vm, port, size_bytes));
}

void hmp_ioport_write(HmpCall *call)
{
    ioport_write(call->ctx->vm, hmp_int(call, "addr"), hmp_int(call, "val"),
                 port_size_bytes(call));
}
