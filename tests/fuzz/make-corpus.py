#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the seeds of the fuzz targets to corpus/TARGET/.

Each seed reaches some depth of a reader, or is what once broke one. Files
that others put there, inputs found by fuzzing, stay as they are.
"""

import json
import os
import struct
import zlib

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus')
PAGE = 4096
ALL = b'\0'      # first octet of a channel: a read gives all there is
OCTETS = b'\1'   # an octet a read
SHORT = b'\x0b'  # 2047 octets a read

count = 0


def seed(target, name, data):
    global count
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), 'wb') as out:
        out.write(data.encode() if isinstance(data, str) else data)
    count += 1


def be16(value):
    return struct.pack('>H', value)


def be32(value):
    return struct.pack('>I', value)


def be64(value):
    return struct.pack('>Q', value)


def str8(text):
    return bytes([len(text)]) + text.encode()


def page(number):
    """Contents that no other page has."""
    return bytes((number * 7 + i * (i >> 8)) & 0xff for i in range(PAGE))


# --- multifd ------------------------------------------------------------------

MAGIC = 0x11223344
UUID = b'\x5a\x01' + bytes(14)
SYNC, ZLIB, ZSTD, DEVICE_STATE = 0x01, 0x02, 0x04, 0x40


def multifd_init():
    def init(magic=MAGIC, version=1, uuid=UUID, number=0):
        return be32(magic) + be32(version) + uuid + bytes([number]) + bytes(39)

    seed('multifd-init', 'first', init())
    seed('multifd-init', 'second', init(number=1))
    seed('multifd-init', 'last', init(number=254))
    # Stock takes this one where there are as many channels.
    seed('multifd-init', 'id-is-number-of-channels', init(number=2))
    seed('multifd-init', 'id-255', init(number=255))
    seed('multifd-init', 'magic', init(magic=0x5145564d))
    seed('multifd-init', 'version', init(version=2))
    seed('multifd-init', 'uuid', init(uuid=bytes(16)))
    seed('multifd-init', 'short', init()[:63])
    seed('multifd-init', 'empty', b'')


def incoming_channels():
    main = 3

    def step(number, what, *octets, look=True):
        return bytes([look << 7 | what << 3 | number, *octets])

    def send(number, data, **kwargs):
        return step(number, 1, len(data), *data, **kwargs)

    def greet(number, channel, **kwargs):
        return step(number, 2, channel, **kwargs)

    def hang_up(number):
        return step(number, 3)

    def seed_in(name, *steps):
        seed('incoming-channels', name, b''.join(steps))

    all_three = greet(1, 0) + greet(2, 1) + greet(3, 2)
    seed_in('in-order', greet(0, main), all_three)
    seed_in('main-last', all_three, greet(0, main))
    seed_in('at-once', *(greet(i, 3 - i, look=False) for i in range(4)))
    seed_in('with-more', send(0, b'QEVMrest', look=False), all_three)
    seed_in('in-pieces', send(0, b'QE'), all_three, send(0, b'V'),
            send(0, b'M'))
    seed_in('extra', greet(0, main), step(4, 0), all_three, greet(4, 3))
    seed_in('extra-gone', greet(0, main), step(4, 0), all_three, hang_up(4))
    seed_in('extra-silent', greet(0, main), step(4, 0), all_three)
    seed_in('twice', greet(0, 1), greet(1, 1))
    seed_in('main-twice', greet(0, main), greet(1, main))
    seed_in('neither', greet(0, main), send(1, b'GET /'))
    seed_in('gone', greet(0, main), greet(1, 0), hang_up(0))
    seed_in('gone-without-main', greet(1, 0), hang_up(1), greet(2, 0),
            greet(3, 1), greet(4, 2), greet(5, main))
    seed_in('gone-at-the-end', greet(0, main), step(4, 0), all_three,
            hang_up(1))


def packet(normal=(), zero=(), **fields):
    """A packet's 1344 octets; `fields` say what is not as it should be."""
    offsets = list(normal) + list(zero)
    get = fields.get
    return (be32(get('magic', MAGIC)) + be32(get('version', 1)) +
            be32(get('flags', 0)) + be32(get('alloc', 128 if offsets else 0)) +
            be32(get('n_normal', len(normal))) +
            be32(get('size', len(normal) * PAGE)) + be64(get('number', 1)) +
            be32(get('n_zero', len(zero))) + bytes(28) +
            get('block', b'a' if offsets else b'').ljust(256, b'\0') +
            b''.join(be64(o) for o in offsets).ljust(1024, b'\0'))


def multifd_packet():
    pages = [i * PAGE for i in range(16)]

    for name, data in {
            'normal': packet(pages[:4]),
            'zero': packet([], pages[3:9]),
            'mixed': packet(pages[:2], pages[5:7], size=0),
            'full': packet(pages * 4, pages * 4),
            'odd-block': packet([0, PAGE], block=b'odd'),
            'sync': packet(flags=SYNC),
            'sync-with-pages': packet(pages[:3], flags=SYNC),
            'sync-with-stale-size': packet(flags=SYNC, size=0x7fffffff),
            'zlib': packet(pages[:4], flags=ZLIB, size=77),
            'empty': b'',
            'magic': packet(pages[:1], magic=0x11223345),
            'version': packet(pages[:1], version=0),
            'device-state': packet(flags=DEVICE_STATE),
            'too-many-alloc': packet(pages[:1], alloc=129),
            'too-many-normal': packet(pages[:1], alloc=1, n_normal=2),
            'too-many-zero': packet(pages[:1], n_zero=128),
            # The sum wraps to 0.
            'counts-wrap': packet(pages[:1], n_normal=128,
                                  n_zero=0xffffff80),
            'counts-all-ones': packet(pages[:1], n_normal=0xffffffff,
                                      n_zero=0xffffffff, alloc=0xffffffff),
            'size-max': packet(pages[:1], size=1 << 20),
            'size-beyond': packet(pages[:1], size=(1 << 20) + 1),
            'size-all-ones': packet(pages[:1], size=0xffffffff),
            'name-without-end': packet(pages[:1], block=b'a' * 256),
            'name-unknown': packet(pages[:1], block=b'b'),
            'name-empty': packet(pages[:1], block=b''),
            'name-not-migratable': packet(pages[:1], block=b'not'),
            'offset-behind': packet([16 * PAGE]),
            'offset-last': packet([15 * PAGE]),
            'offset-unaligned': packet([PAGE + 8]),
            'offset-wraps': packet([0xfffffffffffff000]),
            'offset-partial-page': packet([2 * PAGE], block=b'odd'),
            'zero-offset-behind': packet([], [0, 1 << 40]),
    }.items():
        seed('multifd-packet', name, data)


def deflate(*packets):
    """A zlib stream's payloads, as stock writes them: never an end."""
    z = zlib.compressobj(1)
    return [b''.join(z.compress(p) for p in pages) + z.flush(zlib.Z_SYNC_FLUSH)
            for pages in packets]


def multifd_channel():
    def chan(name, method, *parts, chunk=ALL):
        seed('multifd-channel', name, bytes([method]) + chunk + b''.join(parts))

    sync = packet(flags=SYNC)
    two = [PAGE, 2 * PAGE]
    zpages = [bytes(PAGE), b'text' * (PAGE // 4)]
    z1, z2 = deflate(zpages, zpages)
    frame = zstd_frame(rle_block(0x41, 2 * PAGE))

    chan('empty', 0)
    chan('syncs', 0, sync, sync)
    chan('none', 0, sync, packet(two), b'1' * 2 * PAGE, sync)
    chan('none-octets', 0, sync, packet([0]), b'1' * PAGE, sync, chunk=OCTETS)
    chan('zero', 0, sync, packet([], two), packet([], two), sync)
    chan('clear-what-was-set', 0, sync, packet([0]), b'1' * PAGE,
         packet([], [0]), sync)
    chan('zlib', 1, sync, packet(two, flags=ZLIB, size=len(z1)), z1,
         packet(two, flags=ZLIB, size=len(z2)), z2, sync)
    chan('zlib-short-reads', 1, sync,
         packet(two, [0], flags=ZLIB, size=len(z1)), z1, sync, chunk=b'\3')
    chan('zstd', 2, sync, packet(two, flags=ZSTD, size=len(frame)), frame,
         sync)
    chan('other-method', 0, sync, packet(two, flags=ZSTD, size=8), frame)
    chan('old-writer', 0, sync,
         packet([0], flags=SYNC), b'2' * PAGE)
    chan('pages-before-sync', 0, packet([0]), b'2' * PAGE)
    chan('pages-after-sync', 0, sync, packet([], [0]))
    chan('ends-in-head', 0, sync, packet([0])[:100])
    chan('ends-in-payload', 0, sync, packet(two), b'1' * PAGE)
    chan('payload-for-no-pages', 1, sync, packet([], two, flags=ZLIB, size=9))
    chan('size-is-wrong', 0, sync, packet([0], size=1), b'3' * PAGE, sync)
    chan('guard-page', 0, sync, packet([16 * PAGE]), b'4' * PAGE)
    chan('same-page-twice', 0, sync, packet([0, 0], [0]), b'5' * 2 * PAGE,
         sync)


# --- payloads -----------------------------------------------------------------


def pack(data):
    """As take_payload() of codec.c unpacks it."""
    out, at, literal = b'', 0, b''

    while at < len(data) or literal:
        run = 0
        while run < 128 and at + run * 256 + 256 <= len(data) and \
                data[at + run * 256:][:256] == data[at:at + 1] * 256:
            run += 1
        if literal and (run or len(literal) == 128 or at == len(data)):
            out += bytes([len(literal) - 1]) + literal
            literal = b''
        if run:
            out += bytes([127 + run, data[at]])
            at += run * 256
        elif at < len(data):
            literal += data[at:at + 1]
            at += 1
    return out


def payload(pages, data, layout=15):
    packed = pack(data)
    smaller = len(packed) < len(data)
    return (bytes([pages - 1, layout | (0x80 if smaller else 0)]) +
            be32(len(data))[1:] + (packed if smaller else data))


def multifd_zlib():
    def z(name, *packets, chunk=ALL):
        seed('multifd-zlib', name, chunk + b''.join(packets))

    def stored(data, final=0):
        return (struct.pack('<BHH', final, len(data), len(data) ^ 0xffff) +
                data)

    head = b'\x78\x01'
    text = [b'page %04d' % i * (PAGE // 8 + 1) for i in range(4)]
    text = [t[:PAGE] for t in text]
    one, two, three = deflate(text, text[1:3], [bytes(PAGE)] * 3)
    bomb, = deflate([bytes(PAGE)] * 5)
    huge, = deflate([bytes(64 << 20)])
    pages8 = b'8' * 8 * PAGE

    z('good', payload(4, one), payload(2, two), payload(3, three))
    z('good-octets', payload(4, one, 1), payload(2, two, 17), chunk=OCTETS)
    z('fixed-codes', payload(1, head + fixed_block(PAGE)))
    z('stored', payload(1, head + stored(page(1)), 0))
    z('stored-then-deflate',
      payload(9, head + stored(pages8) + raw_deflate(text[:1]), 7),
      payload(1, raw_deflate(text[:1])))
    z('stored-refers-back', payload(8, head + stored(pages8)),
      payload(1, refer_back(PAGE, 32768)))
    z('stored-more-than-pages', payload(4, head + stored(pages8)))
    z('stored-more-than-left',
      payload(9, head + stored(pages8) + stored(b'9' * 2 * PAGE)))
    z('stored-15-15', payload(40, head + stored(b'a' * 15 * PAGE) +
                              stored(b'b' * 15 * PAGE) +
                              stored(b'c' * 10 * PAGE), 3))
    z('stored-too-long', payload(1, head + stored(b'1' * 2 * PAGE)))
    z('stored-not-whole-pages', payload(1, head + stored(b'1' * 4000)
                                        + stored(b'2' * 96)))
    z('stored-bad-length', payload(1, head + b'\0\0\x10\0\0' + page(1)))
    z('last-block', payload(1, head + stored(page(1), 1)))
    z('refers-before-stream', payload(1, head + refer_back(PAGE, 1)))
    z('bomb', payload(4, bomb))
    z('bomb-64m', payload(48, huge[:8000]))
    z('too-little', payload(6, bomb))
    z('nothing', payload(1, b''))
    z('head-only', payload(1, head))
    z('head-cut', payload(1, b'\x78'))
    z('head-bad', payload(1, b'\x79\x01' + one))
    z('dictionary', payload(1, b'\x78\xbb\0\0\0\1' + one[2:]))
    z('small-window', payload(4, b'\x18\x19' + one[2:]))
    z('ends', payload(1, zlib.compress(bytes(PAGE))))
    z('ends-and-goes-on', payload(1, zlib.compress(bytes(PAGE))),
      payload(1, zlib.compress(bytes(PAGE))))
    z('cut', payload(4, one[:-9]), payload(1, b'\xff' * 20))
    z('behind-the-flush', payload(4, one + b'\xff' * 3))
    z('reserved-block', payload(1, head + b'\x07' + bytes(40)))
    z('less-than-claimed', payload(4, one)[:-5])


class Bits:
    """Octets of deflate, least significant bit first."""

    def __init__(self):
        self.value, self.n = 0, 0

    def put(self, value, n):
        self.value |= value << self.n
        self.n += n

    def code(self, value, n):
        """A Huffman code: most significant bit first."""
        self.put(int(format(value, '0%db' % n)[::-1], 2), n)

    def octets(self):
        return self.value.to_bytes((self.n + 7) // 8, 'little')

    def sync(self):
        """The end of a block, and an empty stored one."""
        self.code(0, 7)
        self.put(0, 3)
        return self.octets() + b'\0\0\xff\xff'


def fixed_block(length):
    """One block of fixed codes: `length` times an octet, a literal each."""
    bits = Bits()
    bits.put(0b010, 3)
    for _ in range(length):
        bits.code(0x30 + 0x42, 8)
    return bits.sync()


def refer_back(length, distance):
    """A block of nothing but matches, of 258 octets as long as they fit."""
    bits = Bits()
    bits.put(0b010, 3)
    while length:
        n = min(length, 258)
        if n == 258:
            bits.code(0b11000000 + 285 - 280, 8)
        else:
            n = 10 if length >= 10 else length
            assert 3 <= n <= 10
            bits.code(n + 254 - 256, 7)
        if distance == 1:
            bits.code(0, 5)
        else:
            bits.code(29, 5)
            bits.put(distance - 24577, 13)
        length -= n
    return bits.sync()


def raw_deflate(pages):
    z = zlib.compressobj(1, zlib.DEFLATED, -15)
    return b''.join(z.compress(p) for p in pages) + z.flush(zlib.Z_FULL_FLUSH)


def zstd_block(kind, size, data, last):
    return struct.pack('<I', size << 3 | kind << 1 | last)[:3] + data


def rle_block(octet, size, last=1):
    return zstd_block(1, size, bytes([octet]), last)


def raw_block(data, last=1):
    return zstd_block(0, len(data), data, last)


def zstd_frame(*blocks, size=None, window=0x38):
    """With a content size and no window, or the other way round."""
    head = (b'\xa0' + struct.pack('<I', size) if size is not None
            else b'\0' + bytes([window]))
    return b'\x28\xb5\x2f\xfd' + head + b''.join(blocks)


def multifd_zstd():
    def z(name, *packets, chunk=ALL):
        seed('multifd-zstd', name, chunk + b''.join(packets))

    raw2 = page(1) + page(2)
    k128 = 128 << 10
    good = zstd_frame(rle_block(7, 2 * PAGE))
    # What the library makes of a page with one octet set, twice.
    real = bytes.fromhex('28b52ffd60001f450000081001000010021c440000')

    z('rle', payload(2, good), payload(2, good))
    z('rle-octets', payload(2, good), payload(2, good, 16), chunk=OCTETS)
    z('raw', payload(2, zstd_frame(raw_block(raw2), size=2 * PAGE), 0))
    z('raw-then-rle', payload(3, zstd_frame(raw_block(raw2), size=2 * PAGE) +
                              zstd_frame(rle_block(9, PAGE))))
    z('raw-size-lies', payload(2, zstd_frame(raw_block(raw2), size=PAGE)),
      payload(2, good))
    z('raw-block-lies', payload(2, zstd_frame(raw_block(raw2, 0),
                                              size=2 * PAGE)))
    z('raw-more-than-pages',
      payload(1, zstd_frame(raw_block(raw2), size=2 * PAGE)))
    z('raw-33-pages',
      payload(33, zstd_frame(raw_block(b'x' * k128, 0),
                             raw_block(b'y' * PAGE), size=33 * PAGE), 3))
    z('raw-second-block-lies',
      payload(33, zstd_frame(raw_block(b'x' * k128, 0), rle_block(5, PAGE),
                             size=33 * PAGE) + bytes(PAGE - 1), 3))
    z('raw-second-block-is-rle',
      payload(33, zstd_frame(raw_block(b'x' * k128, 0), rle_block(5, PAGE),
                             size=33 * PAGE), 3), payload(2, good))
    z('rle-of-two-blocks',
      payload(40, zstd_frame(rle_block(1, k128, 0), rle_block(2, 8 * PAGE),
                             size=40 * PAGE)))
    z('raw-cut', payload(2, zstd_frame(raw_block(raw2), size=2 * PAGE))[:-7])
    z('endless', payload(1, zstd_frame(rle_block(1, PAGE, 0))),
      payload(2, rle_block(2, PAGE, 0) + rle_block(3, PAGE, 0)),
      payload(1, rle_block(2, PAGE)), payload(2, good))
    z('several-frames', payload(4, good + good))
    z('checksum-missing', payload(1, b'\x28\xb5\x2f\xfd\x04\x38' +
                                  rle_block(1, PAGE)))
    z('bomb', payload(1, zstd_frame(*[rle_block(0, k128, 0)] * 1000)))
    z('bomb-exact-then-more', payload(2, good + rle_block(7, 1)))
    z('bomb-second-frame', payload(2, good + zstd_frame(rle_block(7, k128))))
    z('too-little', payload(3, good))
    z('nothing', payload(1, b''))
    z('empty-frames', payload(1, zstd_frame(raw_block(b'')) * 50))
    z('skippable', payload(2, b'\x50\x2a\x4d\x18\4\0\0\0skip' + good))
    z('skippable-huge', payload(2, b'\x5f\x2a\x4d\x18\xff\xff\xff\xff' + good))
    z('window-32m', payload(2, zstd_frame(rle_block(7, 2 * PAGE),
                                          window=0x78)))
    z('window-huge', payload(2, zstd_frame(rle_block(7, 2 * PAGE),
                                           window=0xff)))
    z('dictionary', payload(2, b'\x28\xb5\x2f\xfd\x01\x38\x05' +
                            rle_block(7, 2 * PAGE)))
    z('reserved-block', payload(1, zstd_frame(zstd_block(3, 1, b'1', 1))))
    z('compressed', payload(2, real))
    z('not-zstd', payload(1, b'\x78\x01' + bytes(60)))
    z('trailing-zero', payload(2, good + b'\0'))


# --- the main stream ----------------------------------------------------------

EOS = be64(0x10)


def ram_load():
    def ram(name, *parts, chunk=ALL):
        seed('ram-load', name, chunk + b''.join(parts))

    def mem(total, *blocks):
        return be64(total | 4) + b''.join(
            str8(b) + be64(size) for b, size in blocks)

    def zero(address, block=None, fill=0, flags=2):
        return (be64(address | flags | (0 if block else 0x20)) +
                (str8(block) if block else b'') + bytes([fill]))

    def full(address, block=None, data=b'p' * PAGE):
        return (be64(address | 8 | (0 if block else 0x20)) +
                (str8(block) if block else b'') + data)

    run = b''.join(full(i * PAGE) for i in range(1, 4))

    ram('eos', EOS)
    ram('list', mem(16 * PAGE, ('a', 16 * PAGE)), EOS)
    ram('zeros', zero(0, 'a'), zero(PAGE), zero(2 * PAGE),
        zero(0, 'odd'), EOS)
    ram('pages', full(0, 'a'), full(PAGE), zero(PAGE), EOS)
    ram('direct', full(0, 'a'), run, EOS, chunk=SHORT)
    ram('direct-wrong-guess', full(0, 'a'), run, zero(3 * PAGE),
        full(9 * PAGE), EOS, chunk=b'\x0d')
    ram('direct-cut', full(0, 'a'), run[:-100], chunk=SHORT)
    ram('direct-backwards', full(9 * PAGE, 'a'), full(8 * PAGE), full(2 * PAGE),
        full(2 * PAGE), EOS, chunk=SHORT)
    ram('octets', zero(0, 'a'), zero(PAGE), EOS, chunk=OCTETS)
    ram('grows', mem(3 * PAGE, ('grows', 3 * PAGE)), zero(2 * PAGE, 'grows'),
        EOS)
    ram('shrinks-after-page', mem(4 * PAGE, ('grows', 4 * PAGE)),
        full(3 * PAGE, 'grows'), mem(PAGE, ('grows', PAGE)),
        full(3 * PAGE), EOS)
    ram('grows-too-far', mem(6 * PAGE, ('grows', 6 * PAGE)))
    ram('grows-unaligned', mem(5 * PAGE, ('grows', PAGE + 1)))
    # A list that ends never: sizes of 0 use nothing up.
    ram('grows-to-nothing', mem(PAGE, *[('grows', 0)] * 9), EOS)
    ram('list-overrun', mem(3 * PAGE, ('a', 16 * PAGE)))
    ram('list-huge', mem(0xfffffffffffff000, ('a', 16 * PAGE)))
    ram('flush', be64(0x200), EOS)
    ram('outside', zero(16 * PAGE, 'a'))
    ram('outside-continued', zero(0, 'a'), zero(16 * PAGE))
    ram('outside-wraps', zero(0xfffffffffffff000, 'a'))
    ram('outside-page-run', full(0, 'a'), run, full(16 * PAGE), chunk=SHORT)
    ram('outside-page-run-all', full(0, 'a'), full(16 * PAGE), full(0))
    ram('outside-zero-run-all', zero(0, 'a'), zero(16 * PAGE), zero(0))
    ram('partial-page-run', full(0, 'odd'), full(2 * PAGE), EOS)
    ram('partial-page', full(2 * PAGE, 'odd'))
    ram('not-migratable', full(0, 'not'))
    ram('unknown', zero(0, 'b'))
    ram('name-empty', be64(2) + b'\0\0')
    ram('name-nul', be64(2) + b'\2a\0\0')
    ram('name-255', be64(2) + b'\xff' + b'a' * 255)
    ram('nothing-before', zero(0))
    ram('fill', zero(0, 'a', fill=1))
    ram('fill-continued', zero(0, 'a'), zero(PAGE, fill=7))
    for flag in (0x00, 0x01, 0x20, 0x30, 0x40, 0x80, 0x0a, 0x100, 0x400):
        ram('flags-%03x' % flag, be64(flag))
    ram('cut-word', zero(0, 'a'), b'\0\0\0')
    ram('cut-page', be64(8), str8('a'), bytes(100))


def loadvm():
    header = be32(0x5145564d) + be32(3)
    config = b'\7' + be32(4) + b'none'
    begin = header + config

    def section(kind, number, name, version, body, instance=0):
        return (bytes([kind]) + be32(number) + str8(name) + be32(instance) +
                be32(version) + body + b'\x7e' + be32(number))

    def more(kind, number, body):
        return bytes([kind]) + be32(number) + body + b'\x7e' + be32(number)

    def sub(name, version, body=b''):
        return b'\5' + str8(name) + be32(version) + body

    def command(number, data=b''):
        return b'\x08' + be16(number) + be16(len(data)) + data

    def device(**fields):
        get = fields.get
        seg = be32(1) + be64(2)
        vbuf = get('vbuf', b'xyz')
        flag = get('flag', 0)
        return (be32(get('a', 16)) + bytes([flag]) +
                (be16(3) if get('version', 2) == 2 else b'') +
                bytes([get('id', 7)]) + be32(get('le', 50)) + 4 * seg +
                seg + get('null', b'\x30') + seg + bytes(24) + bytes(3) +
                be32(get('n', 2)) + be16(1) * min(get('n', 2), 4) +
                be32(get('len', len(vbuf))) + vbuf + (seg if flag else b'') +
                (be64(99) if get('version', 2) == 2 else b''))

    def dev(subs=b'', **fields):
        return section(4, 9, 'dev', fields.get('version', 2),
                       device(**fields) + subs)

    def global_state(name, size=None):
        text = name.encode().ljust(32, b'\0')[:32]
        return section(4, 2, 'globalstate', 1,
                       be32(len(name) + 1 if size is None else size) + text +
                       b'\1\0' + bytes(66))

    timer = section(4, 0, 'timer', 2, be64(9) + be64(0) + be64(8))
    ram = section(1, 1, 'ram', 4, be64(0x4004) + str8('ram') + be64(0x4000) +
                  EOS)
    part = more(2, 1, be64(2) + str8('ram') + b'\0' + be64(0x1022) + b'\0' +
                EOS)
    end = more(3, 1, EOS)
    whole = (begin + command(1) + command(2, be32(1)) + ram + part +
             command(11) + end + timer +
             dev(sub('dev/sub', 1, be32(5) + sub('dev/sub/nested', 0,
                                                 be32(6)))) +
             global_state('running') + b'\0')

    def load(name, *parts, chunk=ALL):
        seed('loadvm', name, chunk + b''.join(parts))

    load('whole', whole, b'\6', be32(2), b'{}')
    load('whole-octets', whole, b'\6', be32(2), b'{}', chunk=OCTETS)
    load('no-description', whole)
    load('description-cut', whole, b'\6', be32(9), b'{}')
    load('description-huge', whole, b'\6', be32(0x4000001))
    load('without-ram', begin, timer, dev(), global_state('paused'), b'\0')
    load('old-device', begin, timer, dev(version=1), b'\0')
    load('flag', begin, timer, dev(flag=1), b'\0')
    load('twice', begin, dev(), dev(vbuf=b'longer than it was'), timer, b'\0')
    load('twice-then-fails', begin, dev(), dev(len=64, vbuf=b'cut'))
    load('other-order', begin, timer, dev(sub('dev/other', 1, be32(1)) +
                                          sub('dev/sub', 1, be32(1))), b'\0')
    load('sub-twice', begin, timer, dev(sub('dev/sub', 1, be32(1)) * 2))
    load('sub-unknown', begin, dev(sub('dev/xy', 1, bytes(4))))
    load('sub-of-nested', begin, dev(sub('dev/sub/nested', 0, be32(1))))
    load('sub-version', begin, dev(sub('dev/sub', 2, be32(1))))
    load('sub-name-short', begin, dev(b'\5\xff'))
    load('sub-cut', begin, timer, section(4, 9, 'dev', 2, device())[:-5],
         b'\5\x07dev')
    load('n-too-large', begin, dev(n=5))
    load('n-negative', begin, dev(n=0xffffffff))
    load('len-too-large', begin, dev(len=65, vbuf=bytes(65)))
    load('len-all-ones', begin, dev(len=0xffffffff))
    load('len-0', begin, dev(vbuf=b''), timer, b'\0')
    load('equal', begin, dev(id=8))
    load('le', begin, dev(le=101))
    load('le-negative', begin, dev(le=0xffffffff))
    load('null-marker', begin, dev(null=b'\x31'))
    load('post-load', begin, dev(a=0xdead))
    load('state-unknown', begin, timer, dev(), global_state('flying'))
    load('state-without-end', begin, global_state('r' * 32))
    load('state-size', begin, global_state('running', 0xffffffff))
    load('version-2', be32(0x5145564d) + be32(2))
    load('magic', be32(0x5145564e) + be32(3))
    # Stock takes a part of the name, and none at all.
    load('machine-prefix', header, b'\7' + be32(2) + b'no', timer, dev(), b'\0')
    load('machine-empty', header, b'\7' + be32(0), timer, dev(), b'\0')
    load('machine-long', header, b'\7' + be32(0xffffffff))
    load('capabilities', begin, sub('configuration/capabilities', 1,
                                    be32(1) + str8('events')), timer, dev(),
         b'\0')
    load('capabilities-many', begin, sub('configuration/capabilities', 1,
                                         be32(0xffffffff)), bytes(2000))
    load('page-bits', begin, sub('configuration/target-page-bits', 1,
                                 be32(12)), timer, dev(), b'\0')
    load('uuid', begin, sub('configuration/uuid', 1, bytes(range(16))), timer,
         dev(), b'\0')
    load('id-reused', begin, ram, section(4, 1, 'timer', 2, bytes(24)), part)
    load('part-unknown', begin, part)
    load('footer-id', begin, timer[:-1], b'\1')
    load('footer-missing', begin, timer[:-5], b'\0')
    load('section-name-empty', begin, section(4, 1, '', 1, b''))
    load('section-unknown', begin, section(4, 1, 'abc', 1, b''))
    load('instance', begin, section(4, 1, 'timer', 2, bytes(24), instance=1))
    load('version-all-ones', begin, section(4, 1, 'dev', 0xffffffff,
                                            device()))
    load('version-0', begin, section(4, 1, 'dev', 0, device()))
    load('ram-as-full', begin, section(4, 1, 'ram', 4, EOS), timer, dev(),
         b'\0')
    load('dev-as-start', begin, section(1, 1, 'dev', 2, device()), timer, b'\0')
    load('dev-part', begin, dev(), more(2, 9, device()), timer, b'\0')
    load('command-0', begin, command(0))
    load('command-12', begin, command(12))
    load('ping-early', begin, command(2, be32(1)))
    load('ping-length', begin, command(1), command(2, b''))
    load('packaged', begin, command(7, be32(0xffffffff)))
    load('advise', begin, command(3, be64(4096) * 2))
    load('octet-after', begin, timer, dev(), b'\0\x55')
    load('empty', b'')
    stock = os.path.join(os.path.dirname(CORPUS), '..', 'data', 'migration',
                         'stock-10.0.2-none-256k.st')
    with open(stock, 'rb') as stream:
        load('stock-head', stream.read(1500))


def return_path():
    def answer(name, *parts, sent=1, chunk=ALL):
        seed('return-path', name, bytes([sent]) + chunk + b''.join(parts))

    def message(kind, data=b''):
        return be16(kind) + be16(len(data)) + data

    ok, refused = message(1, be32(0)), message(1, be32(1))
    pong = message(2, be32(1))

    answer('success', ok)
    answer('success-early', ok, sent=0)
    answer('pong-success', pong, pong, ok)
    answer('octets', pong, ok, chunk=OCTETS)
    answer('refused', refused)
    answer('reason', refused, message(0xff01, b'why'))
    answer('reason-not-text', refused, message(0xff01, b'w\n\xffy\0z\xc3'))
    answer('reason-empty', refused, message(0xff01))
    answer('reason-only-nul', refused, message(0xff01, b'\0'))
    answer('reason-512', refused, message(0xff01, b'\xc3\xa4' * 256))
    answer('reason-513', refused, message(0xff01, b'x' * 513))
    answer('reason-cut', refused, be16(0xff01) + be16(9) + b'why')
    answer('reason-octets', refused, message(0xff01, b'why'), chunk=OCTETS)
    answer('reason-first', message(0xff01, b'why'))
    answer('empty')
    answer('pong-only', pong)
    answer('cut', ok[:3])
    answer('type-0', message(0))
    answer('type-8', message(8))
    answer('shut-length', message(1, b'123'))
    answer('pong-length', message(2, b'12345'))
    answer('req-pages-id-513', message(3, bytes(513)))
    answer('req-pages-id', message(3, be64(0) + be32(4096) + str8('ram')))
    answer('req-pages', message(4, bytes(12)))
    answer('recv-bitmap', message(5, str8('ram')))
    answer('resume-ack', message(6, be32(1)))
    answer('switchover-ack', message(7))


# --- text ---------------------------------------------------------------------


def qmp_parser():
    def qmp(name, text, step=0):
        data = text.encode('latin-1') if isinstance(text, str) else text
        seed('qmp-parser', name, bytes([step]) + data)

    qmp('capabilities', '{"execute": "qmp_capabilities"}')
    qmp('migrate', json.dumps({'execute': 'migrate', 'id': 7, 'arguments': {
        'channels': [{'channel-type': 'main', 'addr': {
            'transport': 'socket', 'type': 'inet', 'host': '127.0.0.1',
            'port': '4444'}}]}}), 2)
    qmp('values', "{'a':[1,-2,2.5e3,null,true,false,\"x\",'y \"']}[]{}")
    qmp('numbers', '18446744073709551615 18446744073709551616 '
        '-9223372036854775808 -9223372036854775809 1e400 -0 0.1 1e-400 ')
    qmp('number-minus-zero', '-92233720368547751e-400 -0.0 ')
    qmp('number-long', '1' * 1030 + ' ')
    qmp('escapes', '"\\u20ac\\ud83d\\ude00\\b\\f\\n\\r\\t\\\\\\"\\/\\u0000"')
    qmp('escape-surrogate', '"\\ud800" "\\ude00" "\\ud83d\\u0041"', 1)
    qmp('escape-cut', '"\\u12', 3)
    qmp('escape-bad', '"\\z" "\\u12x4" "\\ufffe"')
    qmp('utf8', b'"\xc3\xa4\xf0\x9f\x98\x80"')
    qmp('utf8-bad', b'"\xff" "\xc0\x80" "\xed\xa0\x80" "\xf4\x90\x80\x80"')
    qmp('utf8-cut', b'"\xf0\x9f"', 1)
    qmp('nul', b'{"a":"\0"}\0[]')
    qmp('reset', b'{"a":\xff{"b":1}')
    qmp('interpolation', '{"a":%d} %p')
    qmp('deep', '[' * 1030 + ']' * 1030)
    qmp('deep-mixed', '{"a":[' * 600)
    qmp('unbalanced', ']}{]')
    qmp('bare', 'nul nan true1 {a:1}')
    qmp('duplicate', '{"a":1,"a":2}')
    qmp('commas', '[1,] {"a":1,} [,] {"a"}')
    qmp('control', '"\n" "\x01"')
    qmp('empty', '')
    qmp('space', ' \t\r\n')


URIS = {
    'tcp': 'tcp:127.0.0.1:4444',
    'tcp-options': 'tcp:h:1,ipv4=on,ipv6=off,to=9,keep-alive=on',
    'tcp-both-off': 'tcp:h:1,ipv4=off,ipv6=off',
    'tcp-ipv6': 'tcp:[::1]:5',
    'tcp-ipv6-open': 'tcp:[::1',
    'tcp-any': 'tcp::0',
    'tcp-port-beyond': 'tcp:127.0.0.1:65536',
    'tcp-port-huge': 'tcp:127.0.0.1:99999999999999999999',
    'tcp-port-name': 'tcp:localhost:http-alt',
    'tcp-none': 'tcp:',
    'unix': 'unix:/run/x:y',
    'unix-long': 'unix:/' + 'x' * 120,
    'unix-none': 'unix:',
    'fd': 'fd:7',
    'fd-name': 'fd:fd-mig',
    'fd-huge': 'fd:99999999999999999999',
    'exec': 'exec:cat > /x,offset=1',
    'exec-none': 'exec:',
    'file': 'file:/f,offset=0x1000',
    'file-fdset': 'file:/dev/fdset/1,offset=4096',
    'file-offset-suffix': 'file:/f,offset=9E',
    'file-offset-negative': 'file:/f,offset=-1',
    'file-none': 'file:',
    'other': 'rdma:h:1',
    'empty': '',
}


def migration_uri():
    for name, uri in URIS.items():
        seed('migration-uri', name, b'\0' + uri.encode())
    for name in ('tcp', 'tcp-any', 'fd'):
        seed('migration-uri', name + '-out', b'\1' + URIS[name].encode())


def incoming():
    def channel(addr, kind='main'):
        return json.dumps({'channel-type': kind, 'addr': addr})

    inet = {'transport': 'socket', 'type': 'inet', 'host': 'h', 'port': '1'}
    for name in ('tcp', 'unix', 'fd', 'file', 'exec', 'other', 'empty'):
        seed('incoming', 'uri-' + name, URIS[name])
    for name, text in {
            'defer': 'defer',
            'inet': channel(inet),
            'inet-options': channel(dict(inet, ipv4=True, to=9)),
            'inet-kind': channel(inet, 'cpr'),
            'inet-extra': channel(dict(inet, foo=1)),
            'inet-port-number': channel(dict(inet, port=1)),
            'inet-no-host': channel({'transport': 'socket', 'type': 'inet'}),
            'nul-in-string': channel(dict(inet, host='a\0b')),
            'unix': channel({'transport': 'socket', 'type': 'unix',
                             'path': '/x'}),
            'unix-empty': channel({'transport': 'socket', 'type': 'unix',
                                   'path': ''}),
            'fd': channel({'transport': 'socket', 'type': 'fd', 'str': '7'}),
            'vsock': channel({'transport': 'socket', 'type': 'vsock',
                              'cid': '1', 'port': '2'}),
            'exec': channel({'transport': 'exec',
                             'args': ['/bin/sh', '-c', 'true']}),
            'exec-empty': channel({'transport': 'exec', 'args': []}),
            'exec-first-empty': channel({'transport': 'exec', 'args': ['']}),
            'file': channel({'transport': 'file', 'filename': '/f',
                             'offset': 0}),
            'file-negative': channel({'transport': 'file', 'filename': '/f',
                                      'offset': -1}),
            'file-number-huge': '{"channel-type":"main","addr":{"transport":'
                                '"file","filename":"f","offset":'
                                '18446744073709551616}}',
            'file-number-float': '{"channel-type":"main","addr":{"transport":'
                                 '"file","filename":"f","offset":1e3}}',
            'null': '{"channel-type":null,"addr":null}',
            'not-closed': '{"channel-type":"main"',
            'trailing': '{} {}',
            'deep': '{"a":' * 40 + '1' + '}' * 40,
            'keyval': 'main,addr.transport=socket,addr.type=inet,'
                      'addr.host=h,addr.port=1',
            'keyval-list': 'main,addr.transport=exec,addr.args.0=/bin/sh,'
                           'addr.args.1=-c,addr.args.2=true',
            'keyval-list-gap': 'main,addr.transport=exec,addr.args.1=x',
            'keyval-list-huge': 'main,addr.transport=exec,'
                                'addr.args.4294967295=x',
            'keyval-both': 'addr=1,addr.x=2',
            'keyval-file': 'main,addr.transport=file,addr.filename=/a,,b,'
                           'addr.offset=1k',
            'keyval-empty-key': '=x',
            'keyval-dots': 'a..b=1,.=2',
            'keyval-commas': ',,,a=,',
    }.items():
        seed('incoming', name, text)


def main():
    for make in (incoming_channels, multifd_init, multifd_packet,
                 multifd_channel, multifd_zlib, multifd_zstd, ram_load, loadvm,
                 return_path, qmp_parser, migration_uri, incoming):
        make()
    print('%d seeds' % count)


if __name__ == '__main__':
    main()
