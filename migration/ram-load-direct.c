/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Receiving runs of pages without a copy. Where the previous records were
 * PAGE ones, the next are guessed to be those of the pages that follow: one
 * read scatters headers and contents to where they then belong. The headers
 * are checked afterwards; what was guessed wrong goes back into the file's
 * buffer, and the pages are zero again, as they were: no guess touches a page
 * that may hold something.
 *
 * Loading thread.
 */
#include "qemu/osdep.h"

#include "migration/qemu-file.h"
#include "migration/ram.h"
#include "migration/stream-format.h"
#include "qemu/cutils.h"

#define HEAD_BYTES RAM_HEAD_BYTES
#define RECORD_BYTES PAGE_RECORD_BYTES
#define GUESS_PAGES 120

_Static_assert(GUESS_PAGES * RECORD_BYTES <= QEMU_FILE_UNGET_MAX_BYTES,
               "a wrong guess fits");

/* Records guessed at: the first may be there in part. */
typedef struct Guess {
    RAMLoadBlock *lb;
    QEMUFile *f;
    uint64_t page;  /* of the first record */
    uint64_t pages; /* untouched ones from there on, limited */
    size_t have;    /* octets of the first record; a whole head is checked */
    uint8_t head[GUESS_PAGES][HEAD_BYTES];
    struct iovec iov[2 * GUESS_PAGES];
} Guess;

static uint8_t *guess_host(const Guess *g, uint64_t i)
{
    return g->lb->block->host + ((g->page + i) << TARGET_PAGE_BITS);
}

/* Counts pages that can take part; false: none. */
static bool guess_extent(Guess *g)
{
    uint64_t block_pages = ram_block_pages(g->lb->block);
    uint64_t end = MIN(block_pages, g->page + GUESS_PAGES);

    if (g->page >= block_pages) {
        return false;
    }
    g->pages = 0;
    while (g->page + g->pages < end &&
           !ram_load_touched(g->lb, g->page + g->pages)) {
        g->pages++;
    }
    return g->pages > 0;
}

static unsigned guess_vector(Guess *g)
{
    unsigned n = 0;

    for (uint64_t i = 0; i < g->pages; i++) {
        size_t have = i ? 0 : g->have;
        size_t in_page = have > HEAD_BYTES ? have - HEAD_BYTES : 0;

        if (have < HEAD_BYTES) {
            g->iov[n].iov_base = g->head[i] + have;
            g->iov[n++].iov_len = HEAD_BYTES - have;
        }
        g->iov[n].iov_base = guess_host(g, i) + in_page;
        g->iov[n++].iov_len = TARGET_PAGE_SIZE - in_page;
    }
    return n;
}

/* Record @i is another one: @len_bytes from it on were not ours to read. */
static void guess_give_back(Guess *g, uint64_t i, size_t len_bytes)
{
    for (; len_bytes; i++) {
        size_t head = MIN(len_bytes, HEAD_BYTES);
        size_t body = MIN(len_bytes - head, TARGET_PAGE_SIZE);

        qemu_file_unget(g->f, g->head[i], head);
        if (body) {
            qemu_file_unget(g->f, guess_host(g, i), body);
            memset(guess_host(g, i), 0, body);
        }
        len_bytes -= head + body;
    }
}

/*
 * After a read: @total octets from the start of the first record on. False:
 * the guess was wrong somewhere, all is settled.
 */
static bool guess_check(Guess *g, size_t total)
{
    uint64_t i = 0;

    while (total >= HEAD_BYTES) {
        uint64_t want = ((g->page + i) << TARGET_PAGE_BITS) | PAGE_CONTINUE;

        if (ldq_be_p(g->head[i]) != want) {
            guess_give_back(g, i, total);
            return false;
        }
        if (total < RECORD_BYTES) {
            break;
        }
        set_bit(g->page + i, g->lb->touched);
        total -= RECORD_BYTES;
        i++;
    }
    if (i && total) {
        memcpy(g->head[0], g->head[i], HEAD_BYTES);
    }
    g->page += i;
    g->have = total;
    return true;
}

/* Takes over what the buffer has of the first record. */
static bool guess_begin(Guess *g)
{
    const uint8_t *p;
    size_t avail = qemu_file_buffered(g->f);
    uint64_t word;

    if (avail < HEAD_BYTES || avail >= RECORD_BYTES) {
        return false;
    }
    qemu_peek_buffer(g->f, &p, HEAD_BYTES);
    word = ldq_be_p(p);
    g->page = word >> TARGET_PAGE_BITS;
    if ((word & FLAGS_MASK) != PAGE_CONTINUE || !guess_extent(g)) {
        return false;
    }
    qemu_get_buffer(g->f, g->head[0], HEAD_BYTES);
    qemu_get_buffer(g->f, guess_host(g, 0), avail - HEAD_BYTES);
    g->have = avail;
    return true;
}

void ram_load_direct(RAMLoadBlock *lb, QEMUFile *f)
{
    Guess g;

    g.lb = lb;
    g.f = f;
    if (!guess_begin(&g)) {
        return;
    }
    /* Where it ends, it ends between records: g.have is 0. */
    while (guess_extent(&g)) {
        size_t n = qemu_file_readv(f, g.iov, guess_vector(&g));

        if (!n) {
            /* The input ends within a record: whoever wants more says so. */
            if (g.have >= HEAD_BYTES) {
                qemu_file_skip(f, RECORD_BYTES - g.have);
            } else if (g.have && qemu_file_ok(f, NULL)) {
                qemu_file_unget(f, g.head[0], g.have);
            }
            return;
        }
        if (!guess_check(&g, g.have + n)) {
            return;
        }
    }
}
