# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's report as a picture: SVG without outside resources, for light
and dark pages."""

from xml.sax.saxutils import escape

from .report import mib

WIDTH = 760
MARGIN = 28
BAR_X = 64
BAR_WIDTH = 300
NOTE_X = BAR_X + BAR_WIDTH + 16
ROW = 26
# With more rounds than this the ones in the middle are left out.
MAX_ROUNDS = 10

STYLE = '''
  text { font: 13px ui-sans-serif, system-ui, "DejaVu Sans", sans-serif;
         fill: #1f2933 }
  .title { font-size: 18px; font-weight: 600 }
  .head { font-size: 12px; fill: #5b6975 }
  .big { font-size: 20px; font-weight: 600 }
  .right { text-anchor: end }
  .card { fill: #ffffff; stroke: #d4dbe1 }
  .track { fill: #eef1f4 }
  .data { fill: #2563a8 }
  .zero { fill: #9fc3e6 }
  .down { fill: #c26a1b }
  .limit { stroke: #5b6975; stroke-dasharray: 3 3 }
  .rule { stroke: #d4dbe1 }
  .good { fill: none; stroke: #1d7f4e; stroke-width: 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e9ee }
    .head { fill: #9aa7b3 }
    .card { fill: #151b22; stroke: #34404c }
    .track { fill: #222b35 }
    .data { fill: #5a9be0 }
    .zero { fill: #2f4f70 }
    .down { fill: #e0924a }
    .limit { stroke: #9aa7b3 }
    .rule { stroke: #34404c }
    .good { stroke: #4cc38a }
  }
'''


class Drawing:
    """Collects elements from the top down."""

    def __init__(self):
        self.parts = []
        self.y = 0

    def text(self, x, string, css='', dy=0):
        self.parts.append(f'<text x="{x:g}" y="{self.y + dy:g}" '
                          f'class="{css}">{escape(string)}</text>')

    def rect(self, x, width, css, dy=-11, height=14):
        self.parts.append(f'<rect x="{x:g}" y="{self.y + dy:g}" '
                          f'width="{width:.1f}" height="{height:g}" '
                          f'class="{css}"/>')

    def line(self, x1, x2, css, y1=0, y2=0):
        self.parts.append(f'<path d="M{x1:g} {self.y + y1:g}L{x2:g} '
                          f'{self.y + y2:g}" class="{css}"/>')

    def svg(self, title):
        height = self.y
        return (f'<svg xmlns="http://www.w3.org/2000/svg" '
                f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
                f'height="{height:g}" role="img">\n'
                f'<title>{escape(title)}</title>\n'
                f'<style>{STYLE}</style>\n'
                f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" '
                f'height="{height - 1:g}" rx="8" class="card"/>\n' +
                '\n'.join(self.parts) + '\n</svg>\n')


def pick_rounds(rounds):
    """All, or the first and the last ones with None between."""
    if len(rounds) <= MAX_ROUNDS:
        return rounds
    half = MAX_ROUNDS // 2
    return rounds[:half] + [None] + rounds[-half:]


def round_note(item, stopped):
    note = f'{item.normal:,} + {item.zero:,} zero, {item.ms} ms'
    if not item.normal + item.zero:
        note = 'over at once'
    if stopped:
        return note + '; guest stopped'
    if item.dirty_rate is not None:
        note += f'; {item.dirty_rate:,} dirtied/s'
    return note


def draw_rounds(d, report):
    most = max((r.normal + r.zero for r in report.rounds), default=0) or 1
    d.text(MARGIN, 'ROUNDS: pages with data, zero pages, time, dirty rate',
           'head')
    d.y += ROW
    for item in pick_rounds(report.rounds):
        if item is None:
            d.text(BAR_X, '\u2026', 'head')
            d.y += ROW
            continue
        scale = BAR_WIDTH / most
        data = max(item.normal * scale, 2 if item.normal else 0)
        d.text(MARGIN, str(item.number))
        d.rect(BAR_X, BAR_WIDTH, 'track')
        d.rect(BAR_X, data, 'data')
        d.rect(BAR_X + data, item.zero * scale, 'zero')
        d.text(NOTE_X, round_note(item, item is report.rounds[-1]))
        d.y += ROW


def draw_downtime(d, report):
    rows = (('as the source measured it', report.downtime_ms, 'g'),
            ('as the guest saw it', report.guest_downtime_ms, '.1f'))
    limit = report.downtime_limit_ms
    scale = BAR_WIDTH / (max(limit, *(ms for _, ms, _ in rows), 1) * 1.05)
    d.text(MARGIN, 'DOWNTIME', 'head')
    d.text(BAR_X + limit * scale, f'limit {limit} ms', 'head right')
    d.line(BAR_X + limit * scale, BAR_X + limit * scale, 'limit', 8,
           2 * ROW + 6)
    d.y += ROW
    for name, ms, form in rows:
        d.rect(BAR_X, max(ms * scale, 2), 'down')
        d.text(NOTE_X, f'{ms:{form}} ms {name}')
        d.y += ROW


def draw_figures(d, report):
    rate = f'{report.rewrite_rate:,}/s'
    cells = ((f'{report.total_ms:,} ms', 'total time'),
             (f'{mib(report.wire_octets):.0f} MiB',
              f'sent for {mib(report.ram_octets):.0f} MiB of RAM'),
             (f'{report.zero_pages:,}', 'zero pages'),
             (rate, 'pages the guest rewrote'))
    step = (WIDTH - 2 * MARGIN) / len(cells)
    d.line(MARGIN, WIDTH - MARGIN, 'rule', -12, -12)
    d.y += 14
    for i, (value, name) in enumerate(cells):
        d.text(MARGIN + i * step, value, 'big')
        d.text(MARGIN + i * step, name, 'head', 18)
    d.y += 44


def draw_verdict(d, report):
    d.line(MARGIN, WIDTH - MARGIN, 'rule', -12, -12)
    d.y += 14
    d.parts.append(f'<path d="M{MARGIN} {d.y - 5}l5 6 11 -13" class="good"/>')
    d.text(MARGIN + 28, 'The guest went on, its memory intact: 0 wrong of '
           f'{report.pages_checked:,} pages checked since,')
    d.y += 20
    d.text(MARGIN + 28, 'and what it left alone has the same SHA-256 on both '
           f'sides ({report.digest[:12]}\u2026).')
    d.y += 24


def svg(report):
    """The whole picture as text."""
    title = (f'A running guest moved in {report.total_ms} ms and stood '
             f'still for {report.guest_downtime_ms:.1f} ms')
    d = Drawing()
    d.y = 40
    d.text(MARGIN, title, 'title')
    d.y += 34
    draw_rounds(d, report)
    d.y += 12
    draw_downtime(d, report)
    d.y += 16
    draw_figures(d, report)
    d.y += 10
    draw_verdict(d, report)
    return d.svg(title)
