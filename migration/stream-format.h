/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every number of the migration stream, and the fixed layouts that are read
 * and written as a whole. Integers on the wire are big-endian.
 *
 * The prose is in docs/devel/migration/stream-format.rst.
 */
#ifndef MIGRATION_STREAM_FORMAT_H
#define MIGRATION_STREAM_FORMAT_H

#include "qemu/osdep.h"

/* --- Framing ------------------------------------------------------------ */
#define QEMU_VM_FILE_MAGIC 0x5145564dU /* "QEVM" */
#define QEMU_VM_FILE_VERSION_COMPAT 2U /* known to have existed, refused */
#define QEMU_VM_FILE_VERSION 3U

enum {
    QEMU_VM_EOF = 0x00,
    QEMU_VM_SECTION_START = 0x01,
    QEMU_VM_SECTION_PART = 0x02,
    QEMU_VM_SECTION_END = 0x03,
    QEMU_VM_SECTION_FULL = 0x04,
    QEMU_VM_SUBSECTION = 0x05,
    QEMU_VM_VMDESCRIPTION = 0x06,
    QEMU_VM_CONFIGURATION = 0x07,
    QEMU_VM_COMMAND = 0x08,
    QEMU_VM_SECTION_FOOTER = 0x7e,
};

/* Longest name anywhere in the stream: it has one length octet. */
#define STREAM_NAME_MAX 255
/* Longest machine type name that a reader takes. */
#define STREAM_MACHINE_NAME_MAX 255
/* Largest description that a reader skips. */
#define STREAM_VMDESC_MAX_BYTES (64 * MiB)

typedef struct StreamFileHeader {
    uint32_t magic;
    uint32_t version;
} StreamFileHeader;
_Static_assert(sizeof(StreamFileHeader) == 8, "file header is 8 octets");
_Static_assert(offsetof(StreamFileHeader, version) == 4, "version at 4");

/* Directly after a section body. */
typedef struct __attribute__((packed)) StreamFooter {
    uint8_t type;
    uint32_t section_id;
} StreamFooter;
_Static_assert(sizeof(StreamFooter) == 5, "footer is 5 octets");
_Static_assert(offsetof(StreamFooter, section_id) == 1, "id at 1");

/* What PART and END start with; START and FULL go on with the name. */
typedef struct __attribute__((packed)) StreamSectionHead {
    uint8_t type;
    uint32_t section_id;
} StreamSectionHead;
_Static_assert(sizeof(StreamSectionHead) == 5, "section head is 5 octets");

/* What START and FULL have after the name. */
typedef struct StreamSectionTail {
    uint32_t instance_id;
    uint32_t version_id;
} StreamSectionTail;
_Static_assert(sizeof(StreamSectionTail) == 8, "section tail is 8 octets");
_Static_assert(offsetof(StreamSectionTail, version_id) == 4, "version at 4");

/* --- Commands ----------------------------------------------------------- */
typedef struct __attribute__((packed)) StreamCommand {
    uint8_t type;
    uint16_t command;
    uint16_t length_bytes;
} StreamCommand;
_Static_assert(sizeof(StreamCommand) == 5, "command head is 5 octets");
_Static_assert(offsetof(StreamCommand, command) == 1, "command at 1");
_Static_assert(offsetof(StreamCommand, length_bytes) == 3, "length at 3");

typedef enum StreamCommandNumber {
    MIG_CMD_INVALID = 0,
    MIG_CMD_OPEN_RETURN_PATH = 1,
    MIG_CMD_PING = 2,
    MIG_CMD_POSTCOPY_ADVISE = 3,
    MIG_CMD_POSTCOPY_LISTEN = 4,
    MIG_CMD_POSTCOPY_RUN = 5,
    MIG_CMD_POSTCOPY_RAM_DISCARD = 6,
    MIG_CMD_PACKAGED = 7,
    MIG_CMD_ENABLE_COLO = 8,
    MIG_CMD_POSTCOPY_RESUME = 9,
    MIG_CMD_RECV_BITMAP = 10,
    MIG_CMD_SWITCHOVER_START = 11,
    MIG_CMD__MAX,
} StreamCommandNumber;

/* --- Return path -------------------------------------------------------- */
typedef struct StreamReturnPathHead {
    uint16_t type;
    uint16_t length_bytes;
} StreamReturnPathHead;
_Static_assert(sizeof(StreamReturnPathHead) == 4, "message head is 4 octets");

typedef enum StreamReturnPathType {
    MIG_RP_MSG_INVALID = 0,
    MIG_RP_MSG_SHUT = 1,
    MIG_RP_MSG_PONG = 2,
    MIG_RP_MSG_REQ_PAGES_ID = 3,
    MIG_RP_MSG_REQ_PAGES = 4,
    MIG_RP_MSG_RECV_BITMAP = 5,
    MIG_RP_MSG_RESUME_ACK = 6,
    MIG_RP_MSG_SWITCHOVER_ACK = 7,
    MIG_RP_MSG__MAX,
} StreamReturnPathType;

#define MIG_RP_MSG_MAX_BYTES 512

/*
 * Of this implementation only: why a load failed, UTF-8 without an end mark.
 * It comes in one write with a SHUT that is not 0, the last message for those
 * who do not know it: they have stopped reading.
 */
#define MIG_RP_MSG_REASON 0xff01

/* --- VMState ------------------------------------------------------------ */
#define VMSTATE_NULLPTR_MARKER 0x30
#define VMSTATE_TIMER_NOT_ARMED UINT64_MAX

/* `globalstate` v1. */
typedef struct __attribute__((packed)) StreamGlobalState {
    uint32_t size;
    char runstate[32];
    uint8_t has_vm_was_suspended;
    uint8_t vm_was_suspended;
    uint8_t unused[66];
} StreamGlobalState;
_Static_assert(sizeof(StreamGlobalState) == 104, "globalstate: 104 octets");
_Static_assert(offsetof(StreamGlobalState, runstate) == 4, "runstate at 4");
_Static_assert(offsetof(StreamGlobalState, vm_was_suspended) == 37,
               "vm_was_suspended at 37");

/* `timer` v2. */
typedef struct StreamTimerState {
    int64_t cpu_ticks_offset;
    uint8_t unused[8];
    int64_t cpu_clock_offset;
} StreamTimerState;
_Static_assert(sizeof(StreamTimerState) == 24, "timer: 24 octets");

/* --- RAM ---------------------------------------------------------------- */
#define RAM_SECTION_NAME "ram"
#define RAM_SECTION_VERSION 4

/* Low bits of a RAM record's word; the address has the others. */
enum {
    RAM_SAVE_FLAG_FULL = 0x001,
    RAM_SAVE_FLAG_ZERO = 0x002,
    RAM_SAVE_FLAG_MEM_SIZE = 0x004,
    RAM_SAVE_FLAG_PAGE = 0x008,
    RAM_SAVE_FLAG_EOS = 0x010,
    RAM_SAVE_FLAG_CONTINUE = 0x020,
    RAM_SAVE_FLAG_XBZRLE = 0x040,
    RAM_SAVE_FLAG_HOOK = 0x080,
    RAM_SAVE_FLAG_COMPRESS_PAGE = 0x100,
    RAM_SAVE_FLAG_MULTIFD_FLUSH = 0x200,
};

typedef struct __attribute__((packed)) StreamRAMZeroContinue {
    uint64_t word; /* address | ZERO | CONTINUE */
    uint8_t fill;  /* 0 */
} StreamRAMZeroContinue;
_Static_assert(sizeof(StreamRAMZeroContinue) == 9, "ZERO is 9 octets");
_Static_assert(offsetof(StreamRAMZeroContinue, fill) == 8, "fill at 8");

/* --- Multifd ------------------------------------------------------------ */
#define MULTIFD_MAGIC 0x11223344U
#define MULTIFD_VERSION 1U

enum {
    MULTIFD_FLAG_SYNC = 0x01,
    MULTIFD_FLAG_METHOD_MASK = 0x3e,
    MULTIFD_FLAG_NOCOMP = 0x00,
    MULTIFD_FLAG_ZLIB = 0x02,
    MULTIFD_FLAG_ZSTD = 0x04,
    MULTIFD_FLAG_DEVICE_STATE = 0x40,
};

/* Guest memory that one packet describes, at most. */
#define MULTIFD_PACKET_BYTES (512 * KiB)
/* Pages of 4 KiB: the size of the page is not on the wire. */
#define MULTIFD_PACKET_PAGES 128
/* Payload that stock readers have room for. */
#define MULTIFD_PAYLOAD_MAX_BYTES (1024 * KiB)

/* First on each channel. */
typedef struct StreamMultiFDInit {
    uint32_t magic;
    uint32_t version;
    uint8_t uuid[16];
    uint8_t id;
    uint8_t unused[39];
} StreamMultiFDInit;
_Static_assert(sizeof(StreamMultiFDInit) == 64, "initial packet: 64 octets");
_Static_assert(offsetof(StreamMultiFDInit, id) == 24, "id at 24");

typedef struct StreamMultiFDPacket {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t pages_alloc;
    uint32_t normal_pages;
    uint32_t next_packet_size; /* octets of payload that follow */
    uint64_t packet_num;
    uint32_t zero_pages;
    uint8_t unused[28];
    char block[256]; /* padded with NULs */
    /* normal_pages offsets in the block, then zero_pages */
    uint64_t offset[MULTIFD_PACKET_PAGES];
} StreamMultiFDPacket;
_Static_assert(sizeof(StreamMultiFDPacket) == 1344, "packet: 1344 octets");
_Static_assert(offsetof(StreamMultiFDPacket, packet_num) == 24, "number at 24");
_Static_assert(offsetof(StreamMultiFDPacket, zero_pages) == 32, "zero at 32");
_Static_assert(offsetof(StreamMultiFDPacket, block) == 64, "block at 64");
_Static_assert(offsetof(StreamMultiFDPacket, offset) == 320, "offsets at 320");

#endif
