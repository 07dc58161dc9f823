/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One interrupt line from a device to whatever listens. BQL. */
#ifndef HW_CORE_IRQ_H
#define HW_CORE_IRQ_H

typedef struct IRQLine {
    void (*handler)(void *opaque, unsigned n, bool level);
    void *opaque;
    unsigned n;
} IRQLine;

/* A line that nobody connected (handler NULL) swallows its signals. */
static inline void irq_set(const IRQLine *line, bool level)
{
    if (line->handler) {
        line->handler(line->opaque, line->n, level);
    }
}

#endif
