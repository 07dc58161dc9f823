/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Declarative device state: a table of fields says what a device writes into
 * a stream and how it is read back.
 *
 * A VMStateDescription and everything it points to is constant. Encodings
 * are those of docs/devel/migration/stream-format.rst; macro names are
 * QEMU's, so that a description reads the same in both trees.
 *
 * All hooks run with the BQL held and the guest stopped.
 */
#ifndef MIGRATION_VMSTATE_H
#define MIGRATION_VMSTATE_H

#include "qapi/error.h"

typedef struct QEMUFile QEMUFile;
typedef struct VMStateField VMStateField;
typedef struct VMStateDescription VMStateDescription;
struct VM;

/* How a value of one type is read and written. */
typedef struct VMStateInfo {
    const char *name; /* as in the stream's JSON description */
    bool (*get)(QEMUFile *f, void *pv, size_t size_bytes,
                const VMStateField *field, Error **errp);
    bool (*put)(QEMUFile *f, const void *pv, size_t size_bytes,
                const VMStateField *field, Error **errp);
} VMStateInfo;

typedef enum VMStateFlags {
    VMS_SINGLE = 0,
    VMS_STRUCT = BIT(0),        /* described by ->vmsd */
    VMS_POINTER = BIT(1),       /* the member points to the value(s) */
    VMS_ARRAY = BIT(2),         /* ->num elements */
    VMS_VARRAY_UINT8 = BIT(3),  /* count in a member at ->num_offset */
    VMS_VARRAY_UINT16 = BIT(4),
    VMS_VARRAY_UINT32 = BIT(5),
    VMS_VARRAY_INT32 = BIT(6),
    VMS_BUFFER = BIT(7),        /* raw octets, ->size of them */
    VMS_VBUFFER = BIT(8),       /* octet count in uint32 at ->size_offset */
    VMS_ARRAY_OF_POINTER = BIT(9),
    VMS_MUST_EXIST = BIT(10),   /* field_exists must be true on load */
    VMS_ALLOC = BIT(11),        /* reader allocates what VMS_POINTER wants */
} VMStateFlags;

struct VMStateField {
    const char *name; /* NULL ends the table */
    size_t offset;
    size_t size;      /* of one element */
    size_t num;
    size_t num_offset;
    size_t num_max;   /* upper bound of a variable count, in elements */
    size_t size_offset;
    int version_id;   /* since which version of the description */
    unsigned flags;
    const VMStateInfo *info;
    const VMStateDescription *vmsd;
    bool (*field_exists)(void *opaque, int version_id);
};

/* Order of device sections: higher first, then registration order. */
typedef enum MigrationPriority {
    MIG_PRI_LAST = -1, /* after all others: `globalstate` */
    MIG_PRI_DEFAULT = 0,
    MIG_PRI_LOW,   /* must come before MIG_PRI_DEFAULT */
    MIG_PRI_IOMMU,
    MIG_PRI_PCI_BUS,
    MIG_PRI_APIC,
    MIG_PRI_MAX,
} MigrationPriority;

struct VMStateDescription {
    const char *name;
    int version_id;
    int minimum_version_id;
    MigrationPriority priority;

    /* Before the fields are read: set defaults of absent subsections. */
    bool (*pre_load)(void *opaque, Error **errp);
    /* After fields and subsections are read: validate, then apply. */
    bool (*post_load)(void *opaque, int version_id, Error **errp);
    /* Before the fields are written. */
    bool (*pre_save)(void *opaque, Error **errp);
    /* After, also when writing failed. */
    void (*post_save)(void *opaque);
    /* Sections and subsections: whether to write it. NULL: always. */
    bool (*needed)(void *opaque);

    const VMStateField *fields;
    /* Ended by NULL; written in this order, read in any. */
    const VMStateDescription *const *subsections;
};

extern const VMStateInfo vmstate_info_bool;
extern const VMStateInfo vmstate_info_int8;
extern const VMStateInfo vmstate_info_int16;
extern const VMStateInfo vmstate_info_int32;
extern const VMStateInfo vmstate_info_int64;
extern const VMStateInfo vmstate_info_uint8;
extern const VMStateInfo vmstate_info_uint16;
extern const VMStateInfo vmstate_info_uint32;
extern const VMStateInfo vmstate_info_uint64;
extern const VMStateInfo vmstate_info_int32_equal;
extern const VMStateInfo vmstate_info_uint8_equal;
extern const VMStateInfo vmstate_info_uint16_equal;
extern const VMStateInfo vmstate_info_uint32_equal;
extern const VMStateInfo vmstate_info_int64_equal;
extern const VMStateInfo vmstate_info_int32_le;
extern const VMStateInfo vmstate_info_buffer;
extern const VMStateInfo vmstate_info_unused_buffer;
extern const VMStateInfo vmstate_info_timer;  /* VMTimer * */
extern const VMStateInfo vmstate_info_bitmap; /* ->size is in bits / 8 */

#include "migration/vmstate-fields.h"

#endif
