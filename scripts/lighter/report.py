# SPDX-License-Identifier: GPL-2.0-or-later
"""What a migration did: its rounds, seen from query-migrate, and the report
that the demo ends with."""

import sys
import time
from dataclasses import dataclass, field

PAGE = 4096
# Over less than this the source does not work out a rate of dirtying.
RATE_PERIOD_MS = 100
BAR = 24


def mib(octets):
    return octets / (1 << 20)


@dataclass
class Round:
    """One pass over what was dirty. Figures are those of two samples."""
    number: int
    start_ms: int
    end_ms: int
    normal: int = 0
    zero: int = 0
    dirty_rate: int = None  # pages a second; None: too short to tell

    @property
    def ms(self):
        return self.end_ms - self.start_ms


@dataclass
class Report:
    """Everything that is reported; times in ms, pages of 4 KiB."""
    total_ms: int = 0
    downtime_ms: int = 0
    downtime_limit_ms: int = 0
    guest_downtime_ms: float = 0.0
    tick_ms: float = 0.0
    rounds: list = field(default_factory=list)
    n_rounds: int = 0
    wire_octets: int = 0
    ram_octets: int = 0
    normal_pages: int = 0
    zero_pages: int = 0
    rewrite_rate: int = 0
    mbps: float = 0.0
    passes_before: int = 0
    passes_after: int = 0
    pages_checked: int = 0
    digest: str = ''

    @property
    def dirty_rate(self):
        return max((r.dirty_rate for r in self.rounds if r.dirty_rate),
                   default=None)

    def take(self, info):
        """Adds what the source's last query-migrate says."""
        ram = info['ram']
        self.total_ms = info['total-time']
        self.downtime_ms = info['downtime']
        self.n_rounds = ram['dirty-sync-count']
        self.wire_octets = ram['transferred']
        self.ram_octets = ram['total']
        self.normal_pages = ram['normal']
        self.zero_pages = ram['duplicate']
        self.mbps = ram['mbps']


class Rounds:
    """Turns a series of query-migrate replies into rounds."""

    def __init__(self):
        self.rounds = []
        self._last = None  # the reply before

    def add(self, info):
        """True if a round ended with this sample."""
        ram = info.get('ram')
        if not ram or not ram['dirty-sync-count']:
            return False
        number, now_ms = ram['dirty-sync-count'], info['total-time']
        if not self.rounds:
            self.rounds.append(Round(number, 0, now_ms))
            self._last = {'normal': 0, 'duplicate': 0, 'remaining': 0}
        before = self.rounds[-1]
        ended = before.number < number
        if ended:
            before.end_ms = now_ms
            if before.ms >= RATE_PERIOD_MS:
                before.dirty_rate = ram['dirty-pages-rate']
            for skipped in range(before.number + 1, number + 1):
                self.rounds.append(Round(skipped, now_ms, now_ms))
        self.rounds[-1].end_ms = now_ms
        self._share(before, self.rounds[-1], ram)
        self._last = ram
        return ended

    def _share(self, before, current, ram):
        """Pages sent between two samples belong to the earlier round, as far
        as it still had some to send."""
        normal = ram['normal'] - self._last['normal']
        zero = ram['duplicate'] - self._last['duplicate']
        share = 0.0
        if current is not before and normal + zero:
            left = self._last['remaining'] // PAGE
            share = min(left / (normal + zero), 1.0)
        early = round(normal * share), round(zero * share)
        before.normal += early[0]
        before.zero += early[1]
        current.normal += normal - early[0]
        current.zero += zero - early[1]


def rate_text(rate):
    return 'measuring' if rate is None else f'{rate} pages/s'


class Progress:
    """Shows a migration while it runs: one line that changes on a terminal,
    a line every half second and for each round elsewhere."""

    def __init__(self, out=None):
        self.rounds = Rounds()
        self._out = out or sys.stdout
        self._live = self._out.isatty()
        self._next_s = 0.0

    def __call__(self, info):
        ended = self.rounds.add(info)
        if not self.rounds.rounds:
            return
        now_s = time.monotonic()
        if now_s < self._next_s and (self._live or not ended):
            return
        self._next_s = now_s + (0.05 if self._live else 0.5)
        line = self._line(info)
        self._out.write(f'\r\033[K{line}' if self._live else line + '\n')
        self._out.flush()

    def finish(self):
        if self._live:
            self._out.write('\r\033[K')
            self._out.flush()

    def _line(self, info):
        ram = info['ram']
        rounds = self.rounds.rounds
        rate = next((r.dirty_rate for r in reversed(rounds) if r.dirty_rate),
                    None)
        done = 1 - ram['remaining'] / max(ram['total'], 1)
        return (f"  round {rounds[-1].number:<2} "
                f"[{'#' * int(done * BAR):<{BAR}}] "
                f"sent {mib(ram['transferred']):6.1f} MiB  "
                f"left {mib(ram['remaining']):6.1f} MiB  "
                f'dirtied: {rate_text(rate)}')


def round_lines(report):
    lines = ['  round      time   pages with data   zero pages   '
             'dirtied meanwhile']
    for r in report.rounds:
        if r is report.rounds[-1]:
            note = '(guest stopped)'
        elif r.dirty_rate is None:
            note = '(too short to tell)'
        else:
            note = rate_text(r.dirty_rate)
        lines.append(f'  {r.number:>5}  {r.ms:>5} ms   {r.normal:>15}   '
                     f'{r.zero:>10}   {note}')
    return lines


def dirty_rate_text(report):
    text = f'{report.rewrite_rate} pages/s rewritten by the guest'
    if report.dirty_rate is not None:
        text += f'; up to {report.dirty_rate} seen by the source'
    return text


def text(report):
    """The report for a terminal."""
    rows = [
        ('total time', f'{report.total_ms} ms'),
        ('downtime, source', f'{report.downtime_ms} ms '
         f'(limit {report.downtime_limit_ms} ms)'),
        ('downtime, guest', f'{report.guest_downtime_ms:.1f} ms '
         f'(its ticks come every {report.tick_ms:.1f} ms)'),
        ('rounds', f'{report.n_rounds}'),
        ('on the wire', f'{mib(report.wire_octets):.1f} MiB for '
         f'{mib(report.ram_octets):.1f} MiB of RAM, '
         f'{report.mbps:.0f} Mbit/s'),
        ('pages with data', f'{report.normal_pages}'),
        ('zero pages', f'{report.zero_pages}'),
        ('dirty rate', dirty_rate_text(report)),
        ('memory', f'intact: SHA-256 {report.digest[:16]} of what it left '
         'alone, on both sides;'),
        ('', f'0 wrong of {report.pages_checked} pages that it checked '
         'since'),
        ('guest', f'went on: {report.passes_before} passes over its memory '
         f'before, {report.passes_after} more after'),
    ]
    return '\n'.join(['', *round_lines(report), '',
                      *(f'  {name:<18}{value}' for name, value in rows)])
