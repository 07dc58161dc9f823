/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `-global DRIVER.PROPERTY=VALUE` and the compat defaults of versioned
 * machine types: later entries win, and -global beats compat.
 */
#ifndef SYSTEM_GLOBALS_H
#define SYSTEM_GLOBALS_H

#include "system/vm.h"

typedef struct GlobalProps GlobalProps;

typedef struct GlobalProp {
    const char *driver;
    const char *property;
    const char *value;
} GlobalProp;

/* Machine's compat defaults: constant table ended by a NULL driver. */
void globals_add_compat(VM *vm, const GlobalProp *table);
/* One -global; copies the strings. */
void globals_add_user(VM *vm, const char *driver, const char *property,
                      const char *value);

/*
 * Calls @fn for every entry whose driver is @driver, compat first. Entries
 * are marked used. Stops at the first failure; a failure of a user's entry
 * is an error that names the option.
 */
typedef bool (*GlobalPropFn)(const GlobalProp *prop, void *opaque,
                             Error **errp);
bool globals_apply(VM *vm, const char *driver, GlobalPropFn fn, void *opaque,
                   Error **errp);

/*
 * Warns of each -global that nothing used, in other words where @is_class
 * does not know its driver. Once the machine is built.
 */
void globals_warn_unused(VM *vm, bool (*is_class)(const char *name));

/* The same by object_class_table; true. */
bool globals_check_unused(VM *vm, Error **errp);

#endif
