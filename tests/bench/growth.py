# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws how long a migration takes by the size of the guest."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 96, 40, 48
COLOURS = {'ours': '#2563a8', 'stock': '#c2691c'}


class Scale:
    """Logarithmic, from values to pixels."""

    def __init__(self, values, start, end):
        self.low = math.floor(math.log10(min(values)))
        self.high = math.ceil(math.log10(max(values)))
        if self.high == self.low:
            self.high += 1
        self.start, self.end = start, end

    def __call__(self, value):
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def ticks(self):
        return [10.0 ** power for power in range(self.low, self.high + 1)]


def text(x, y, content, anchor='middle', colour=None):
    fill = f' fill="{colour}"' if colour else ''
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{fill}>'
            f'{escape(content)}</text>')


def line(x1, y1, x2, y2):
    return (f'<line class="grid" x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" '
            f'y2="{y2:.0f}"/>')


def curve(name, points, x, y):
    colour = COLOURS[name]
    path = ' '.join(f'{x(gib):.1f},{y(seconds):.1f}'
                    for gib, seconds in points)
    dots = ''.join(f'<circle cx="{x(gib):.1f}" cy="{y(seconds):.1f}" r="4" '
                   f'fill="{colour}"/>' for gib, seconds in points)
    gib, seconds = points[-1]
    return (f'<polyline points="{path}" fill="none" stroke="{colour}" '
            f'stroke-width="2"/>{dots}' +
            text(x(gib) + 10, y(seconds) + 4, f'{name} {seconds:.2f} s',
                 'start', colour))


def draw(title, series):
    """series: name -> [(size in GiB, seconds)]; returns SVG."""
    sizes = sorted({gib for points in series.values() for gib, _ in points})
    times = [seconds for points in series.values() for _, seconds in points]
    x = Scale(sizes, LEFT, WIDTH - RIGHT)
    x.low, x.high = math.log10(sizes[0]), math.log10(sizes[-1])
    y = Scale(times, HEIGHT - BOTTOM, TOP)
    parts = [text(LEFT, 22, title, 'start')]
    for tick in y.ticks():
        parts.append(line(LEFT, y(tick), WIDTH - RIGHT, y(tick)))
        parts.append(text(LEFT - 8, y(tick) + 4, f'{tick:g} s', 'end'))
    for gib in sizes:
        parts.append(text(x(gib), HEIGHT - BOTTOM + 20, f'{gib:g} GiB'))
    for name, points in series.items():
        parts.append(curve(name, points, x, y))
    style = ('text{font:13px sans-serif;fill:#1f2937}'
             '.grid{stroke:#d1d5db}'
             '@media(prefers-color-scheme:dark){text{fill:#e5e7eb}'
             '.grid{stroke:#374151}}')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" '
            f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}"><style>{style}</style>' + ''.join(parts) +
            '</svg>\n')
