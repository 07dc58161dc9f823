/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections that a client may break at once (the command `yank`). Who has
 * connections registers an instance, and with it a function per connection.
 */
#ifndef SYSTEM_YANK_H
#define SYSTEM_YANK_H

#include "qapi/qapi-types-misc.h"
#include "system/vm.h"

typedef struct YankRegistry YankRegistry;

/*
 * Shuts a connection down. Any thread, the BQL held or not, the registry
 * locked: must not block, nor call functions of this header.
 */
typedef void (*YankFn)(void *opaque);

/*
 * Makes vm->yank, which goes with the VM. Once, BQL held. Without it nothing
 * is ever registered, and the functions below do nothing.
 */
void yank_init(VM *vm);

/* Any thread, for all of these. @instance is copied. */

/* Fails if there is such an instance. */
bool yank_register_instance(VM *vm, const YankInstance *instance,
                            Error **errp);
/* Nothing if there is none. Its functions must be gone. */
void yank_unregister_instance(VM *vm, const YankInstance *instance);

/* The instance must be there. */
void yank_register_function(VM *vm, const YankInstance *instance, YankFn fn,
                            void *opaque);
/*
 * Once it returns, @fn is not running and will not be called with @opaque
 * any more.
 */
void yank_unregister_function(VM *vm, const YankInstance *instance, YankFn fn,
                              void *opaque);

#endif
