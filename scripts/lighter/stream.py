# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes minimal streams for the machine `none`: one block, `ram`.

The layout is that of docs/devel/migration/stream-format.rst. Good for
filling an emulator's memory, ours or stock QEMU's, without a guest.
"""

import struct

PAGE = 4096
RAM_PAGE = 0x08
RAM_CONTINUE = 0x20
RAM_MEM_SIZE = 0x04
RAM_EOS = 0x10
SECTION_START, SECTION_END, SECTION_FULL, SECTION_FOOTER = 1, 3, 4, 0x7e
RAM_SECTION_ID = 1
TIMER_SECTION_ID = 2


def counted(text):
    return bytes([len(text)]) + text.encode()


def footer(section_id=RAM_SECTION_ID):
    return struct.pack('>BI', SECTION_FOOTER, section_id)


def timer():
    """The one device that every machine has: its clocks, at 0."""
    return (struct.pack('>BI', SECTION_FULL, TIMER_SECTION_ID) +
            counted('timer') + struct.pack('>II', 0, 2) + bytes(24) +
            footer(TIMER_SECTION_ID))


def header(ram_bytes, machine='none', block='ram'):
    """Everything up to the end of RAM's START section."""
    return (struct.pack('>4sI', b'QEVM', 3) +
            struct.pack('>BI', 7, len(machine)) + machine.encode() +
            struct.pack('>BI', SECTION_START, RAM_SECTION_ID) +
            counted('ram') + struct.pack('>II', 0, 4) +
            struct.pack('>Q', ram_bytes | RAM_MEM_SIZE) + counted(block) +
            struct.pack('>Q', ram_bytes) + struct.pack('>Q', RAM_EOS) +
            footer())


def write_ram(out, ram_bytes, page_of, block='ram'):
    """Sends the whole memory as PAGE records; page_of(n) gives page n, or
    None to leave it out."""
    out.sendall(header(ram_bytes, block=block) +
                struct.pack('>BI', SECTION_END, RAM_SECTION_ID))
    batch = bytearray()
    first = True
    for page in range(ram_bytes // PAGE):
        data = page_of(page)
        if data is None:
            continue
        if first:
            batch += struct.pack('>Q', page * PAGE | RAM_PAGE) + counted(block)
            first = False
        else:
            batch += struct.pack('>Q', page * PAGE | RAM_PAGE | RAM_CONTINUE)
        batch += data
        if len(batch) > 4 << 20:
            out.sendall(batch)
            batch = bytearray()
    out.sendall(batch + struct.pack('>Q', RAM_EOS) + footer() + timer() +
                b'\0')
