# SPDX-License-Identifier: GPL-2.0-or-later
"""Yardsticks: what this machine can do just now without an emulator."""

import mmap
import os
import socket
import statistics
import time


def socket_pair(transport):
    if transport == 'unix':
        return socket.socketpair()
    with socket.create_server(('127.0.0.1', 0)) as listener:
        out = socket.create_connection(listener.getsockname())
        return out, listener.accept()[0]


def fresh_memory(size_bytes):
    memory = mmap.mmap(-1, size_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def copy_gb_per_s(transport, source):
    """A process that only sends, to one that only receives into memory it
    never used: what a migration of contents cannot be faster than."""
    out, into = socket_pair(transport)
    child = os.fork()
    if child == 0:
        into.close()
        out.sendall(source)
        os._exit(0)
    out.close()
    started = time.monotonic()
    with fresh_memory(len(source)) as memory, memoryview(memory) as view:
        done = 0
        while done < len(source):
            count = into.recv_into(view[done:done + (1 << 20)])
            if not count:
                raise RuntimeError('the sender ended early')
            done += count
        elapsed_s = time.monotonic() - started
    into.close()
    os.waitpid(child, 0)
    return len(source) / elapsed_s / 1e9


def read_gb_per_s(source):
    """One processor looking at all of memory, for what is not there."""
    started = time.monotonic()
    source.find(b'\0')
    return len(source) / (time.monotonic() - started) / 1e9


def resident_bytes():
    with open('/proc/self/statm', encoding='ascii') as statm:
        return int(statm.read().split()[1]) * mmap.PAGESIZE


def reading_takes_memory():
    """Whether pages never written cost memory once read; most kernels show
    one page of zeros in all these places."""
    size_bytes = 32 << 20
    before = resident_bytes()
    with fresh_memory(size_bytes) as memory:
        for at in range(0, size_bytes, mmap.PAGESIZE):
            memory[at]
        return resident_bytes() - before > size_bytes // 2


def measure(transports, ram_mib, runs):
    """Yields names and medians in GB/s."""
    source = bytearray(b'\1') * (ram_mib << 20)
    for transport in transports:
        yield (f'bare copy {transport}',
               statistics.median(copy_gb_per_s(transport, source)
                                 for _ in range(runs)))
    yield 'bare read', statistics.median(read_gb_per_s(source)
                                         for _ in range(runs))
