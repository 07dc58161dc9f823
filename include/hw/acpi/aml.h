/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes ACPI machine language (ACPI 6.4, chapter 20) into byte arrays, as
 * much of it as our boards describe. Names of segments have four characters.
 */
#ifndef HW_ACPI_AML_H
#define HW_ACPI_AML_H

#include "qemu/osdep.h"

/* Little-endian, @size_bytes 1, 2, 4 or 8; for tables too. */
void aml_put(GByteArray *out, uint64_t value, unsigned size_bytes);

/* Data objects. */
void aml_put_integer(GByteArray *out, uint32_t value);
void aml_put_string(GByteArray *out, const char *text);
void aml_put_buffer(GByteArray *out, const void *data, uint32_t len_bytes);
/* The seven characters of a plug-and-play identity. */
void aml_put_eisa_id(GByteArray *out, const char *id);

/* Name(@name, what the caller writes next). */
void aml_put_name(GByteArray *out, const char *name);

/*
 * A term with a length: what is written to @body between aml_begin() and
 * aml_end() comes behind the opcode and, if there is one, the name.
 */
typedef struct AMLBlock {
    GByteArray *out;
    GByteArray *body;
    uint16_t opcode; /* high octet 0x5b: an extended one */
} AMLBlock;

#define AML_SCOPE 0x10
#define AML_PACKAGE 0x12
#define AML_METHOD 0x14
#define AML_IF 0xa0
#define AML_FIELD 0x5b81
#define AML_DEVICE 0x5b82

AMLBlock aml_begin(GByteArray *out, uint16_t opcode, const char *name);
void aml_end(AMLBlock *block);

/* Resource descriptors (ACPI 6.4, 6.4.2.5, 6.4.2.1, 6.4.3.6 and 6.4.2.9). */
void aml_res_io(GByteArray *out, uint16_t port, uint8_t count);
void aml_res_irq(GByteArray *out, unsigned irq);
/* Edge, active high. */
void aml_res_gsi(GByteArray *out, uint32_t gsi);
/* Name(_CRS, @resources), which it ends and frees. */
void aml_put_crs(GByteArray *out, GByteArray *resources);

#endif
