/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A relay between source and destination; see relay.h. */
#include "qemu/osdep.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "libqtest.h"
#include "migration/relay.h"

#define CHUNK_BYTES (64 * KiB)

/* The description of the devices ends a stream: type, length, JSON text. */
#define DESCRIPTION "{\"configuration\""
#define DESCRIPTION_HEAD_BYTES 5

const RelayPlace relay_at_ram = { "\3ram", 4, 5 };
const RelayPlace relay_at_switchover = { "\x08\0\x0b\0\0", 5, 0 };
const RelayPlace relay_at_devices = { "\x0a" "cpu_common", 11, 5 };
const RelayPlace relay_at_eof = {
    DESCRIPTION, sizeof(DESCRIPTION) - 1, DESCRIPTION_HEAD_BYTES + 1,
};

#define SIDE_CHANNELS_MAX 8

/* One behind the first: goes on to the destination, whatever happens. */
typedef struct SideChannel {
    int src, dst;
    GThread *thread;
} SideChannel;

typedef enum RelayOrder { RELAY_RUN, RELAY_RELEASE, RELAY_CUT } RelayOrder;

struct Relay {
    /* [const] */
    const char *to;
    const RelayPlan *plan;
    GThread *thread;
    int listener, wake;
    /* [own: the relay's thread] */
    bool connected;
    int src, dst; /* -1: not there, or gone */
    GByteArray *kept;   /* of the stream: not passed on, or not searched yet */
    GByteArray *answer; /* kept */
    bool at_place;      /* @kept starts at the place */
    bool passes_all;    /* the place is behind us */
    SideChannel side[SIDE_CHANNELS_MAX];
    unsigned n_side;
    /* [lock: lock] */
    GMutex lock;
    GCond changed;
    bool stopped, src_ended;
    bool hides_end;
    RelayOrder order;
};

static void hang_up(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* Whoever is gone misses it. */
static void pass_on(int *fd, const uint8_t *data, size_t len)
{
    while (*fd >= 0 && len) {
        ssize_t n = RETRY_ON_EINTR(send(*fd, data, len, MSG_NOSIGNAL));

        if (n < 0) {
            hang_up(fd);
            return;
        }
        data += n;
        len -= (size_t)n;
    }
}

static const uint8_t *find(const GByteArray *in, const RelayPlace *place)
{
    const uint8_t *at =
        in->len ? memmem(in->data, in->len, place->bytes, place->len) : NULL;

    return at && (size_t)(at - in->data) >= place->back ? at - place->back
                                                         : NULL;
}

/* Whether the description in @kept, and so the stream, is all there. */
static bool stream_is_whole(const GByteArray *kept)
{
    const uint8_t *eof = find(kept, &relay_at_eof);
    size_t have;
    uint32_t len;

    if (!eof) {
        return false;
    }
    have = kept->len - (size_t)(eof - kept->data);
    memcpy(&len, eof + 2, sizeof(len));
    return have >= 1 + DESCRIPTION_HEAD_BYTES + (size_t)GUINT32_FROM_BE(len);
}

static void tell(Relay *relay, bool *what)
{
    g_mutex_lock(&relay->lock);
    *what = true;
    g_cond_signal(&relay->changed);
    g_mutex_unlock(&relay->lock);
}

static void pass_kept(Relay *relay, size_t len)
{
    pass_on(&relay->dst, relay->kept->data, len);
    g_byte_array_remove_range(relay->kept, 0, (guint)len);
}

/*
 * How much of @kept goes up to a sync point of several channels, RAM's record
 * 0x200: the source goes on when the destination has read it.
 */
static size_t up_to_marker(const GByteArray *kept)
{
    static const uint8_t marker[8] = { [6] = 2 };

    for (size_t end = kept->len; end >= sizeof(marker); end--) {
        if (memcmp(kept->data + end - sizeof(marker), marker,
                   sizeof(marker)) == 0) {
            return end;
        }
    }
    return 0;
}

/* Passes on what cannot be part of the place. */
static void sift(Relay *relay)
{
    const RelayPlace *place = relay->plan->stop_at;
    size_t margin = place->len + place->back;
    const uint8_t *at = find(relay->kept, place);

    if (!at) {
        size_t surely = relay->kept->len - MIN(margin, relay->kept->len);

        pass_kept(relay, MAX(surely, up_to_marker(relay->kept)));
        return;
    }
    pass_kept(relay, (size_t)(at - relay->kept->data));
    if (relay->plan->corrupt) {
        relay->kept->data[0] ^= 0xff;
        relay->passes_all = true;
        tell(relay, &relay->stopped);
    } else {
        relay->at_place = true;
    }
}

static void pass_end(Relay *relay)
{
    if (!relay->hides_end && relay->dst >= 0) {
        shutdown(relay->dst, SHUT_WR);
    }
}

static void end_of_source(Relay *relay)
{
    if (!relay->at_place) {
        pass_kept(relay, relay->kept->len);
        pass_end(relay);
    }
    tell(relay, &relay->src_ended);
}

static void from_source(Relay *relay)
{
    uint8_t buf[CHUNK_BYTES];
    ssize_t n = RETRY_ON_EINTR(read(relay->src, buf, sizeof(buf)));

    if (n <= 0) {
        end_of_source(relay);
        return;
    }
    g_byte_array_append(relay->kept, buf, (guint)n);
    if (!relay->at_place && !relay->passes_all) {
        sift(relay);
    }
    if (relay->passes_all) {
        pass_kept(relay, relay->kept->len);
    } else if (relay->at_place &&
               (relay->plan->stop_reading || stream_is_whole(relay->kept))) {
        tell(relay, &relay->stopped);
    }
}

/* The last message, of 8 octets, has type 1: the destination's verdict. */
static void from_destination(Relay *relay)
{
    uint8_t buf[4096];
    ssize_t n = RETRY_ON_EINTR(read(relay->dst, buf, sizeof(buf)));

    if (n <= 0) {
        hang_up(&relay->dst);
        /* The source hears of it, unless the point is what it hears. */
        if (!relay->answer->len && relay->src >= 0) {
            shutdown(relay->src, SHUT_RDWR);
        }
        return;
    }
    if (relay->plan->keep_answer && n >= 8 && buf[n - 8] == 0 &&
        buf[n - 7] == 1) {
        g_byte_array_append(relay->answer, buf, (guint)n);
        tell(relay, &relay->stopped);
        return;
    }
    pass_on(&relay->src, buf, (size_t)n);
}

static void release(Relay *relay)
{
    relay->at_place = false;
    relay->passes_all = true;
    pass_kept(relay, relay->kept->len);
    pass_on(&relay->src, relay->answer->data, relay->answer->len);
    if (relay->src_ended) {
        pass_end(relay);
    }
}

/* False: to end. */
static bool follow_order(Relay *relay)
{
    uint64_t count;
    RelayOrder order;

    g_assert_cmpint(read(relay->wake, &count, sizeof(count)), ==,
                    sizeof(count));
    g_mutex_lock(&relay->lock);
    order = relay->order;
    g_mutex_unlock(&relay->lock);
    if (order == RELAY_RELEASE) {
        release(relay);
        g_mutex_lock(&relay->lock);
        relay->order = RELAY_RUN;
        g_cond_signal(&relay->changed);
        g_mutex_unlock(&relay->lock);
    }
    return order != RELAY_CUT;
}

static int connect_to(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        g_error("relay: %s: %s", path, g_strerror(errno));
    }
    return fd;
}

static void *side_thread(void *opaque)
{
    SideChannel *side = opaque;
    g_autofree uint8_t *buf = g_malloc(CHUNK_BYTES);
    int dst = side->dst;

    for (;;) {
        struct pollfd fds[] = { { .fd = side->src, .events = POLLIN },
                                { .fd = side->dst, .events = POLLRDHUP } };
        ssize_t n;

        RETRY_ON_EINTR(poll(fds, ARRAY_SIZE(fds), -1));
        if (fds[1].revents) {
            break;
        }
        n = RETRY_ON_EINTR(read(side->src, buf, CHUNK_BYTES));
        if (n <= 0) {
            break;
        }
        for (ssize_t done = 0, sent; done < n; done += sent) {
            sent = RETRY_ON_EINTR(send(dst, buf + done, (size_t)(n - done),
                                       MSG_NOSIGNAL));
            if (sent < 0) {
                shutdown(side->src, SHUT_RDWR);
                return NULL;
            }
        }
    }
    shutdown(side->src, SHUT_RDWR);
    shutdown(side->dst, SHUT_WR);
    return NULL;
}

static void add_side_channel(Relay *relay, int fd)
{
    SideChannel *side = &relay->side[relay->n_side++];

    g_assert_cmpuint(relay->n_side, <=, SIDE_CHANNELS_MAX);
    side->src = fd;
    side->dst = connect_to(relay->to);
    side->thread = g_thread_new("relay-side", side_thread, side);
}

static void end_side_channels(Relay *relay)
{
    for (unsigned i = 0; i < relay->n_side; i++) {
        SideChannel *side = &relay->side[i];

        shutdown(side->src, SHUT_RDWR);
        shutdown(side->dst, SHUT_RDWR);
        g_thread_join(side->thread);
        close(side->src);
        close(side->dst);
    }
    relay->n_side = 0;
}

static void let_source_in(Relay *relay)
{
    int fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    if (relay->connected) {
        add_side_channel(relay, fd);
        return;
    }
    relay->connected = true;
    relay->src = fd;
    relay->dst = connect_to(relay->to);
    relay->passes_all = !relay->plan->stop_at;
}

static void *relay_thread(void *opaque)
{
    Relay *relay = opaque;

    for (;;) {
        bool reads = !relay->src_ended && !(relay->at_place &&
                                            relay->plan->stop_reading);
        struct pollfd fds[] = {
            { .fd = relay->wake, .events = POLLIN },
            { .fd = reads ? relay->src : -1, .events = POLLIN },
            { .fd = relay->dst, .events = POLLIN },
            { .fd = relay->listener, .events = POLLIN },
        };

        RETRY_ON_EINTR(poll(fds, ARRAY_SIZE(fds), -1));
        if (fds[0].revents && !follow_order(relay)) {
            break;
        }
        if (fds[1].revents && relay->src >= 0) {
            from_source(relay);
        }
        if (fds[2].revents && relay->dst >= 0) {
            from_destination(relay);
        }
        if (fds[3].revents) {
            let_source_in(relay);
        }
    }
    end_side_channels(relay);
    hang_up(&relay->src);
    hang_up(&relay->dst);
    return NULL;
}

Relay *relay_new(const char *path, const char *to, const RelayPlan *plan)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    Relay *relay = g_new0(Relay, 1);

    g_assert_cmpuint(strlen(path), <, sizeof(addr.sun_path));
    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    relay->to = to;
    relay->plan = plan;
    relay->src = relay->dst = -1;
    relay->kept = g_byte_array_new();
    relay->answer = g_byte_array_new();
    g_mutex_init(&relay->lock);
    g_cond_init(&relay->changed);
    relay->wake = eventfd(0, EFD_CLOEXEC);
    relay->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(relay->listener, (struct sockaddr *)&addr,
                         sizeof(addr)), ==, 0);
    g_assert_cmpint(listen(relay->listener, SIDE_CHANNELS_MAX), ==, 0);
    relay->thread = g_thread_new("relay", relay_thread, relay);
    return relay;
}

static void wait_for(Relay *relay, const bool *what, const char *complaint)
{
    gint64 deadline =
        g_get_monotonic_time() + QTEST_TIMEOUT_S * G_TIME_SPAN_SECOND;

    g_mutex_lock(&relay->lock);
    while (!*what) {
        if (!g_cond_wait_until(&relay->changed, &relay->lock, deadline)) {
            g_error("relay: %s", complaint);
        }
    }
    g_mutex_unlock(&relay->lock);
}

void relay_wait_stopped(Relay *relay)
{
    wait_for(relay, &relay->stopped, "the place to stop at does not come");
}

void relay_wait_source_ended(Relay *relay)
{
    wait_for(relay, &relay->src_ended, "the source does not end its stream");
}

static void give_order(Relay *relay, RelayOrder order)
{
    uint64_t one = 1;

    g_mutex_lock(&relay->lock);
    relay->order = order;
    g_mutex_unlock(&relay->lock);
    g_assert_cmpint(write(relay->wake, &one, sizeof(one)), ==, sizeof(one));
}

void relay_release(Relay *relay, bool end)
{
    g_mutex_lock(&relay->lock);
    relay->hides_end = !end;
    g_mutex_unlock(&relay->lock);
    give_order(relay, RELAY_RELEASE);
    g_mutex_lock(&relay->lock);
    while (relay->order != RELAY_RUN) {
        g_cond_wait(&relay->changed, &relay->lock);
    }
    g_mutex_unlock(&relay->lock);
}

void relay_cut(Relay *relay)
{
    if (relay->thread) {
        give_order(relay, RELAY_CUT);
        g_thread_join(relay->thread);
        relay->thread = NULL;
    }
}

void relay_free(Relay *relay)
{
    relay_cut(relay);
    hang_up(&relay->listener);
    close(relay->wake);
    g_byte_array_unref(relay->kept);
    g_byte_array_unref(relay->answer);
    g_mutex_clear(&relay->lock);
    g_cond_clear(&relay->changed);
    g_free(relay);
}
