/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multifd: RAM over several channels, each with a thread at both ends. What
 * the senders, the receivers and the methods (compression or none) share.
 * Private to migration/. Threads and protocol: docs/devel/migration/multifd.rst
 */
#ifndef MIGRATION_MULTIFD_H
#define MIGRATION_MULTIFD_H

#include "migration/migration.h"
#include "migration/ram.h"
#include "migration/stream-format.h"
#include "qemu/thread.h"

#define MULTIFD_CHANNELS_MAX 255
/* Vector entries of one packet's payload; a method may put heads between. */
#define MULTIFD_IOV_MAX (2 * MULTIFD_PACKET_PAGES + 2)

typedef struct MultiFDMethods MultiFDMethods;
typedef struct MultiFDSend MultiFDSend;
typedef struct MultiFDRecv MultiFDRecv;

/*
 * The pages of one packet, as offsets in their block. One array, in the order
 * of the wire: first those with contents, then the zero ones.
 */
typedef struct MultiFDPages {
    RAMBlock *block;  /* NULL: no pages, for a SYNC */
    RAMLoadBlock *lb; /* the same, at the destination; else NULL */
    uint32_t num;
    uint32_t normal_num; /* at most num */
    uint64_t offset[MULTIFD_PACKET_PAGES];
} MultiFDPages;

/*
 * Where @num normal pages from number @first on are in memory, neighbours
 * merged. Returns the entries used.
 */
unsigned multifd_pages_iov(const MultiFDPages *pages, uint32_t first,
                           uint32_t num, struct iovec *iov);

/* --- Packets: multifd-packet.c; pure, any thread -------------------------- */

/* What a packet says besides its pages. */
typedef struct MultiFDPacketHead {
    uint32_t flags;
    uint32_t next_packet_size;
    uint64_t packet_num;
} MultiFDPacketHead;

void multifd_packet_fill(StreamMultiFDPacket *packet,
                         const MultiFDPacketHead *head,
                         const MultiFDPages *pages);

/* Of a packet that comes in, these octets tell what kind it is. */
#define MULTIFD_LEAD_BYTES offsetof(StreamMultiFDPacket, pages_alloc)

/*
 * Checks what the first MULTIFD_LEAD_BYTES of a packet say, and reads no more
 * of it: other kinds are shorter.
 */
bool multifd_packet_check_lead(const StreamMultiFDPacket *packet,
                               Error **errp);

/*
 * Checks everything about a packet that came in, and takes it apart: magic,
 * version, counts, block, offsets, payload size. @ls has the blocks; NULL
 * before the first sync point, when their sizes are the loading thread's, and
 * pages are refused.
 */
bool multifd_packet_parse(const StreamMultiFDPacket *packet,
                          RAMLoadState *ls, MultiFDPacketHead *head,
                          MultiFDPages *pages, Error **errp);

void multifd_init_fill(StreamMultiFDInit *init, const uint8_t uuid[16],
                       uint8_t id);
/* Checks it; @channels is how many there are. Returns the id, -1 on error. */
int multifd_init_parse(const StreamMultiFDInit *init, const uint8_t uuid[16],
                       unsigned channels, Error **errp);

/* --- What went over a channel --------------------------------------------- */

/* [atomic] relaxed: written by one thread, read by monitors */
typedef struct MultiFDTally {
    uint64_t packets;
    uint64_t bytes;
    uint64_t normal_pages;
    uint64_t zero_pages;
} MultiFDTally;

/* The writer. */
static inline void multifd_count(uint64_t *counter, uint64_t n)
{
    qatomic_set_relaxed(counter, qatomic_read_relaxed(counter) + n);
}

/* --- Zero pages: multifd-zero-page.c -------------------------------------- */

/*
 * Partitions @pages in place: pages with contents keep their order, those
 * that are zero go behind them. Sender's thread.
 */
void multifd_zero_page_detect(MultiFDPages *pages);
/*
 * Makes the zero pages of a packet zero. Reads only pages that may hold
 * something, writes only those that do. Receiver's thread.
 */
void multifd_zero_page_clear(const MultiFDPages *pages);

/* --- Sender --------------------------------------------------------------- */

/* Pages of one block for one sender: runs that lie anywhere in it. */
#define MULTIFD_JOB_RUNS 128
#define MULTIFD_JOB_MAX_PAGES 2048
typedef struct MultiFDRun {
    uint64_t first_page;
    uint64_t pages;
} MultiFDRun;

typedef struct MultiFDJob {
    RAMBlock *block; /* NULL: empty */
    bool known_zero; /* never populated: not to be read */
    unsigned n_runs;
    uint64_t pages;
    MultiFDRun runs[MULTIFD_JOB_RUNS];
} MultiFDJob;

typedef struct MultiFDSendParams {
    /* [const] between creation and join */
    MultiFDSend *m;
    const MigrationConfig *config;
    const MultiFDMethods *ops;
    uint8_t id;
    char *name; /* "mig/src/send_3" */
    QIOChannel *c;
    GThread *thread;
    int thread_id; /* [atomic] relaxed: the kernel's; 0 unless it runs */

    /* Posted by the requester after it set one of the flags below, and by
     * whoever tells all to end. */
    QemuSemaphore sem;
    /* Posted by the sender for each SYNC that is out, and once by whoever
     * tells all to end. */
    QemuSemaphore sem_sync;

    /*
     * [atomic] The two things a sender can be asked for. Each is set by the
     * requester (the migration thread) only, with release, when it is clear;
     * cleared by the sender only, with release, when the thing is done. Both
     * sides look with acquire, which pairs with the other's release. A job
     * goes before a sync that was asked for after it.
     */
    bool pending_job;
    bool pending_sync;

    /* The pages to send: the requester's while pending_job is clear, the
     * sender's while it is set. */
    MultiFDJob *job;

    /* [own: the sender] */
    uint32_t flags; /* of the packet being made */
    uint32_t next_packet_size;
    MultiFDPages pages;
    StreamMultiFDPacket packet;
    struct iovec iov[1 + MULTIFD_IOV_MAX]; /* the packet, then the payload */
    unsigned n_iov;
    void *data; /* the method's */

    MultiFDTally sent; /* the sender's */
} MultiFDSendParams;

/* --- Receiver ------------------------------------------------------------- */

typedef enum MultiFDRecvStatus {
    MULTIFD_RECV_RUNNING,
    MULTIFD_RECV_AT_SYNC, /* waits until all others are, too */
    MULTIFD_RECV_ENDED,
} MultiFDRecvStatus;

typedef struct MultiFDRecvParams {
    /* [const] between creation and join */
    MultiFDRecv *m;
    const MultiFDMethods *ops;
    uint8_t id;
    char *name; /* "mig/dst/recv_3" */
    QIOChannel *c;
    GThread *thread;

    MultiFDRecvStatus status; /* [lock: m->lock] */

    /* [own: the receiver]; read by the joiner */
    StreamMultiFDPacket packet;
    uint32_t flags; /* of the packet at hand */
    uint32_t next_packet_size;
    MultiFDPages pages;
    struct iovec iov[MULTIFD_IOV_MAX];
    bool synced; /* was at a SYNC: the block list is known */
    uint64_t unsynced_pages; /* since the last sync point */
    void *data; /* the method's */

    MultiFDTally received; /* the receiver's */
} MultiFDRecvParams;

/* --- Methods: how the contents of normal pages become payload ------------- */

struct MultiFDMethods {
    const char *name; /* as in MultiFDCompression */
    uint32_t flag;    /* MULTIFD_FLAG_*, within METHOD_MASK */

    /*
     * Source, migration thread, once per channel: allocate p->data from
     * p->config. May be NULL. send_cleanup() follows success only.
     */
    bool (*send_setup)(MultiFDSendParams *p, Error **errp);
    /*
     * Source, once for each success of send_setup(): main thread behind the
     * join, or the migration thread if its sender could not be started. Nobody
     * else uses @p meanwhile. May be NULL.
     */
    void (*send_cleanup)(MultiFDSendParams *p);
    /*
     * Source, sender's thread, for each packet with normal pages: appends the
     * payload to p->iov from p->n_iov on, at most MULTIFD_IOV_MAX entries,
     * and sets p->next_packet_size. What the entries refer to stays as it is
     * until the next call. Guest memory may change at any moment; what it
     * changes is sent again, but no page may depend on another's old contents
     * that were not sent. May reorder the offsets of the normal pages.
     */
    bool (*send_prepare)(MultiFDSendParams *p, Error **errp);

    /*
     * Destination, loading thread, once per channel: allocate p->data. May be
     * NULL. recv_cleanup() follows success only.
     */
    bool (*recv_setup)(MultiFDRecvParams *p, Error **errp);
    /*
     * Destination, once for each success of recv_setup(): loading or main
     * thread, behind the join or if its receiver could not be started. Nobody
     * else uses @p meanwhile. May be NULL.
     */
    void (*recv_cleanup)(MultiFDRecvParams *p);
    /*
     * Destination, receiver's thread, for each packet with normal pages:
     * reads p->next_packet_size octets from p->c and fills p->pages; anything
     * but exactly that many pages is an error. p->next_packet_size is at most
     * MULTIFD_PAYLOAD_MAX_BYTES. No octet of the payload can be trusted.
     */
    bool (*recv_pages)(MultiFDRecvParams *p, Error **errp);
};

/* The methods a VM has, by MultiFDCompression. */
typedef struct MultiFDRegistry {
    const MultiFDMethods *ops[MULTI_FD_COMPRESSION__MAX];
} MultiFDRegistry;

/* Adds a method; replaces one of the same number. Set-up, BQL. */
void multifd_register_ops(MultiFDRegistry *registry,
                          MultiFDCompression method,
                          const MultiFDMethods *ops);
/* The one whose packets have @flag, NULL if there is none. */
const MultiFDMethods *multifd_find_ops(const MultiFDRegistry *registry,
                                       uint32_t flag);
/* Those of this tree. */
void multifd_registry_init(MultiFDRegistry *registry);

extern const MultiFDMethods multifd_nocomp_ops; /* one file each */
extern const MultiFDMethods multifd_zlib_ops;
extern const MultiFDMethods multifd_zstd_ops;

#endif
