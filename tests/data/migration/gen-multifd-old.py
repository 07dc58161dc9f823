#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the streams of this folder that old multifd senders are like.

  multifd-8.2.mfd       SYNC on packets with pages, empty packets behind them
  multifd-8.1.mfd       SYNC packets with stale rests; sync and marker in END
  multifd-8.0.mfd       a sync point at each EOS, no markers; stale rests
  multifd-8.0-zlib.mfd  the same, packed; the method's bits on SYNC packets
  multifd-9.1.mfd       zero pages in packets; one more SYNC without a marker

All of a guest on machine `none` with 64 pages and two channels. A file is
"LMFD", the unpacked size (be32) and zlib data, of which each piece is: where
it goes (u8: 0 the main channel, then the others; 255: the memory that must
come out), its length (be32) and its octets. Pieces are in the order of the
sender's writes. Run it in this folder to write the files anew.
"""

import os
import struct
import zlib

PAGE = 4096
PAGES = 64
CHANNELS = 2
SYNC = 1
ZLIB = 2
BLOCK = b'ram'
EXPECTED = 255

ZERO, MEM_SIZE, EOS, MARKER = 0x002, 0x004, 0x010, 0x200
START, PART, END = 1, 2, 3
STALE_SIZE = 0x54321  # of a payload that does not follow


def contents(page, generation):
    """What a page holds: a word of its own, repeated."""
    return struct.pack('>HH', 0xa000 + page, generation) * (PAGE // 4)


class Sender:
    """The pieces of one stream."""

    def __init__(self, packed=False, alloc=128):
        self.pieces = []
        self.memory = bytearray(PAGES * PAGE)
        self.number = 0
        self.alloc = alloc
        self.deflate = ([zlib.compressobj(1) for _ in range(CHANNELS)]
                        if packed else None)
        self.method = ZLIB if packed else 0
        self.stale = [b''] * CHANNELS  # offsets of the packet before

    def put(self, where, octets):
        """A piece."""
        self.pieces.append((where, bytes(octets)))

    # --- the main channel

    def begin(self):
        """Header, and RAM's START without its EOS; greetings of channels."""
        self.put(0, b'QEVM' + struct.pack('>I', 3) +
                 b'\x07' + struct.pack('>I', 4) + b'none')
        for channel in range(CHANNELS):
            self.put(1 + channel, struct.pack('>II16sB39x', 0x11223344, 1,
                                              bytes(16), channel))
        self.section(START)
        self.record(PAGES * PAGE | MEM_SIZE)
        self.put(0, bytes([len(BLOCK)]) + BLOCK +
                 struct.pack('>Q', PAGES * PAGE))

    def section(self, kind):
        """The head of a section of RAM."""
        head = struct.pack('>BI', kind, 2)
        if kind == START:
            head += b'\x03ram' + struct.pack('>II', 0, 4)
        self.put(0, head)

    def record(self, word):
        """A record without anything behind it."""
        self.put(0, struct.pack('>Q', word))

    def eos(self):
        """The end of a section, and its footer."""
        self.record(EOS)
        self.put(0, struct.pack('>BI', 0x7e, 2))

    def zero_record(self, page):
        """A zero page on the main channel."""
        self.record(page * PAGE | ZERO)
        self.put(0, bytes([len(BLOCK)]) + BLOCK + b'\0')
        self.memory[page * PAGE:(page + 1) * PAGE] = bytes(PAGE)

    def end(self):
        """The only device; and the memory that must be there now."""
        self.put(0, struct.pack('>BI', 4, 0) + b'\x05timer' +
                 struct.pack('>IIqqq', 0, 2, 1000, 0, 1000) +
                 struct.pack('>BI', 0x7e, 0))
        self.put(0, b'\0\x06' + struct.pack('>I', 2) + b'{}')
        self.put(EXPECTED, self.memory)

    # --- the others

    def head(self, channel, flags, normal, zero, size, offsets):
        """A packet without its payload."""
        table = offsets + self.stale[channel][len(offsets):]
        self.put(1 + channel, struct.pack(
            '>IIIIIIQI28s256s1024s', 0x11223344, 1, flags, self.alloc,
            normal, size, self.number, zero, bytes(28), BLOCK, table))
        self.number += 1
        self.stale[channel] = table

    def pages(self, channel, generation, pages, zeros=(), flags=0):
        """A packet with pages."""
        payload = b''
        for page in pages:
            payload += contents(page, generation)
            self.memory[page * PAGE:(page + 1) * PAGE] = contents(page,
                                                                  generation)
        for page in zeros:
            self.memory[page * PAGE:(page + 1) * PAGE] = bytes(PAGE)
        if payload and self.deflate:
            packer = self.deflate[channel]
            payload = packer.compress(payload) + packer.flush(
                zlib.Z_SYNC_FLUSH)
        offsets = b''.join(struct.pack('>Q', page * PAGE)
                           for page in [*pages, *zeros])
        self.head(channel, flags | self.method, len(pages), len(zeros),
                  len(payload), offsets)
        self.put(1 + channel, payload)

    def stale_sync(self, method=0):
        """SYNC on all, with what the packet before left in the rest."""
        for channel in range(CHANNELS):
            self.head(channel, SYNC | method, 0, 0, STALE_SIZE, b'')

    def clean_sync(self):
        """SYNC on all, of senders from 9.0 on."""
        for channel in range(CHANNELS):
            self.stale[channel] = b''
            self.put(1 + channel, struct.pack(
                '>IIIIIIQI28s256s1024s', 0x11223344, 1, SYNC, self.alloc, 0,
                0, self.number, 0, b'', b'', b''))
            self.number += 1

    def write(self, name):
        """The file."""
        data = b''.join(struct.pack('>BI', where, len(octets)) + octets
                        for where, octets in self.pieces)
        with open(name, 'wb') as out:
            out.write(b'LMFD' + struct.pack('>I', len(data)) +
                      zlib.compress(data, 9))


def setup(sender, sync, marker):
    """Up to the end of RAM's START."""
    sender.begin()
    sync()
    if marker:
        sender.record(MARKER)
    sender.eos()


def multifd_8_2():
    """The flag for a SYNC hit packets that were waiting with pages."""
    s = Sender()
    setup(s, s.stale_sync, True)
    s.section(PART)
    s.pages(0, 1, range(0, 6))
    s.pages(1, 1, range(6, 12), flags=SYNC)
    s.pages(0, 1, range(12, 16), flags=SYNC)
    # What should have been the SYNC packets has neither flag nor pages.
    s.head(0, 0, 0, 0, STALE_SIZE, b'')
    s.head(1, 0, 0, 0, STALE_SIZE, b'')
    s.record(MARKER)
    s.zero_record(20)
    s.eos()
    s.section(END)
    s.pages(1, 2, range(3, 9), flags=SYNC)
    s.pages(0, 2, range(14, 18))
    s.head(0, SYNC, 0, 0, STALE_SIZE, b'')
    s.record(MARKER)
    s.zero_record(4)
    s.pages(1, 3, [30])
    s.pages(0, 3, [3, 15], flags=SYNC)
    s.head(1, SYNC, 0, 0, 0, b'')
    s.record(MARKER)
    s.eos()
    s.end()
    return s


def multifd_8_1():
    """Rounds with markers; in END one more sync and its marker."""
    s = Sender()
    setup(s, s.stale_sync, True)
    for generation in (1, 2):
        s.section(PART)
        s.pages(0, generation, range(0, 5))
        s.pages(1, generation, range(5, 9))
        s.zero_record(40 + generation)
        s.eos()
        s.section(PART)
        s.pages(1, generation, [63])
        s.stale_sync()
        s.record(MARKER)
        s.eos()
    s.section(END)
    s.pages(1, 3, range(0, 3))
    s.stale_sync()
    s.record(MARKER)
    s.zero_record(63)
    s.stale_sync()
    s.record(MARKER)
    s.eos()
    s.end()
    return s


def multifd_8_0(packed):
    """Each EOS is a sync point; pages go to any channel in between."""
    s = Sender(packed)
    method = ZLIB if packed else 0

    def sync():
        s.stale_sync(method)

    setup(s, sync, False)
    for generation in (1, 2, 3):
        s.section(PART)
        s.pages(generation % 2, generation, range(generation, generation + 8))
        s.pages(1 - generation % 2, generation, range(40, 43))
        sync()
        s.eos()
    # Nothing but zero pages between two sync points.
    s.section(PART)
    s.zero_record(41)
    sync()
    s.eos()
    s.section(END)
    s.pages(0, 4, [2, 62])
    sync()
    s.eos()
    s.end()
    return s


def multifd_9_1():
    """Zero pages in packets; the last SYNC has no marker."""
    s = Sender()
    setup(s, s.clean_sync, True)
    s.section(PART)
    s.pages(0, 1, range(0, 4), zeros=range(50, 60))
    s.pages(1, 1, range(10, 13))
    s.pages(0, 1, [], zeros=range(20, 30))
    s.clean_sync()
    s.record(MARKER)
    s.eos()
    s.section(END)
    s.pages(1, 2, [1, 0], zeros=[2, 11])
    s.clean_sync()
    s.record(MARKER)
    s.pages(0, 3, [11])
    s.clean_sync()
    s.record(MARKER)
    s.clean_sync()
    s.eos()
    s.end()
    return s


def main():
    """All files."""
    folder = os.path.dirname(os.path.abspath(__file__))
    for name, sender in (('8.2', multifd_8_2()), ('8.1', multifd_8_1()),
                         ('8.0', multifd_8_0(False)),
                         ('8.0-zlib', multifd_8_0(True)),
                         ('9.1', multifd_9_1())):
        sender.write(os.path.join(folder, f'multifd-{name}.mfd'))


if __name__ == '__main__':
    main()
