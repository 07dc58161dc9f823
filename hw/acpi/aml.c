/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI machine language, see hw/acpi/aml.h. Machine build. */
#include "qemu/osdep.h"
#include "hw/acpi/aml.h"

#define AML_NAME_OP 0x08
#define AML_BYTE_PREFIX 0x0a
#define AML_WORD_PREFIX 0x0b
#define AML_DWORD_PREFIX 0x0c
#define AML_STRING_PREFIX 0x0d
#define AML_BUFFER_OP 0x11

void aml_put(GByteArray *out, uint64_t value, unsigned size_bytes)
{
    for (unsigned i = 0; i < size_bytes; i++) {
        uint8_t octet = value >> (8 * i);

        g_byte_array_append(out, &octet, 1);
    }
}

static void put_text(GByteArray *out, const char *text)
{
    g_byte_array_append(out, (const uint8_t *)text, strlen(text));
}

void aml_put_integer(GByteArray *out, uint32_t value)
{
    if (value <= 1) {
        aml_put(out, value, 1); /* ZeroOp, OneOp */
    } else if (value <= UINT8_MAX) {
        aml_put(out, AML_BYTE_PREFIX, 1);
        aml_put(out, value, 1);
    } else if (value <= UINT16_MAX) {
        aml_put(out, AML_WORD_PREFIX, 1);
        aml_put(out, value, 2);
    } else {
        aml_put(out, AML_DWORD_PREFIX, 1);
        aml_put(out, value, 4);
    }
}

void aml_put_string(GByteArray *out, const char *text)
{
    aml_put(out, AML_STRING_PREFIX, 1);
    put_text(out, text);
    aml_put(out, 0, 1);
}

void aml_put_eisa_id(GByteArray *out, const char *id)
{
    uint32_t vendor = (id[0] - '@') << 10 | (id[1] - '@') << 5 |
                      (id[2] - '@');
    uint32_t product = strtoul(id + 3, NULL, 16);

    aml_put(out, AML_DWORD_PREFIX, 1);
    aml_put(out, GUINT32_SWAP_LE_BE(vendor << 16 | product), 4);
}

void aml_put_name(GByteArray *out, const char *name)
{
    aml_put(out, AML_NAME_OP, 1);
    put_text(out, name);
}

/* PkgLength: it counts itself; two bits of the first octet say how long. */
static void put_package_length(GByteArray *out, uint32_t body_bytes)
{
    uint32_t more = 0;
    uint32_t total = body_bytes + 1;

    if (total < 0x40) {
        aml_put(out, total, 1);
        return;
    }
    while (total >= 1U << (4 + 8 * more)) {
        total = body_bytes + 1 + ++more;
    }
    aml_put(out, more << 6 | (total & 0xf), 1);
    aml_put(out, total >> 4, more);
}

AMLBlock aml_begin(GByteArray *out, uint16_t opcode, const char *name)
{
    AMLBlock block = { out, g_byte_array_new(), opcode };

    if (name) {
        put_text(block.body, name);
    }
    return block;
}

void aml_end(AMLBlock *block)
{
    if (block->opcode >> 8) {
        aml_put(block->out, block->opcode >> 8, 1);
    }
    aml_put(block->out, block->opcode & 0xff, 1);
    put_package_length(block->out, block->body->len);
    g_byte_array_append(block->out, block->body->data, block->body->len);
    g_byte_array_unref(block->body);
    block->body = NULL;
}

void aml_put_buffer(GByteArray *out, const void *data, uint32_t len_bytes)
{
    AMLBlock buffer = aml_begin(out, AML_BUFFER_OP, NULL);

    aml_put_integer(buffer.body, len_bytes);
    g_byte_array_append(buffer.body, data, len_bytes);
    aml_end(&buffer);
}

void aml_res_io(GByteArray *out, uint16_t port, uint8_t count)
{
    aml_put(out, 0x47, 1); /* small, I/O ports, 7 octets */
    aml_put(out, 1, 1);    /* 16 address lines */
    aml_put(out, port, 2);
    aml_put(out, port, 2);
    aml_put(out, 1, 1);
    aml_put(out, count, 1);
}

void aml_res_irq(GByteArray *out, unsigned irq)
{
    aml_put(out, 0x22, 1);
    aml_put(out, BIT(irq), 2);
}

void aml_res_gsi(GByteArray *out, uint32_t gsi)
{
    aml_put(out, 0x89, 1);
    aml_put(out, 6, 2);
    aml_put(out, 3, 1); /* consumer, edge, active high, exclusive */
    aml_put(out, 1, 1);
    aml_put(out, gsi, 4);
}

void aml_put_crs(GByteArray *out, GByteArray *resources)
{
    aml_put(resources, 0x79, 1);
    aml_put(resources, 0, 1); /* no checksum */
    aml_put_name(out, "_CRS");
    aml_put_buffer(out, resources->data, resources->len);
    g_byte_array_unref(resources);
}
