# SPDX-License-Identifier: GPL-2.0-or-later
"""What benchmarks fill guest memory with: page number -> page."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', '..', 'scripts'))

from lighter import stream  # noqa: E402

POOL_PAGES = 512
ZERO_PAGE = bytes(stream.PAGE)


def pool_page(pool, page):
    at = (page * 7 % POOL_PAGES) * stream.PAGE
    return pool[at:at + stream.PAGE]


def text_pool():
    """Words of a made-up language, the first ones far more often than the
    last, as in real ones; the same in every run."""
    rng = random.Random(2)
    words = [''.join(rng.choices('etaoinshrdlucmfwypvbgk', k=rng.randint(2, 9)))
             for _ in range(1000)]
    weights = [1 / (rank + 2) for rank in range(len(words))]
    text = []
    left = POOL_PAGES * stream.PAGE
    while left > 0:
        for word in rng.choices(words, weights, k=12):
            text.append(word)
            left -= len(word) + 1
        text[-1] += '.'
        left -= 1
    return ' '.join(text).encode()[:POOL_PAGES * stream.PAGE]


RANDOM_POOL = os.urandom(POOL_PAGES * stream.PAGE)
TEXT_POOL = text_pool()

CONTENTS = {
    'zero': lambda page: ZERO_PAGE,
    'random': lambda page: pool_page(RANDOM_POOL, page),
    'half': lambda page: pool_page(RANDOM_POOL, page) if page & 1
            else ZERO_PAGE,
    'text': lambda page: pool_page(TEXT_POOL, page),
    'untouched': None,
}
