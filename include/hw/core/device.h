/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices: objects that belong to a machine, take part in reset and, with a
 * description, in migration.
 */
#ifndef HW_CORE_DEVICE_H
#define HW_CORE_DEVICE_H

#include "migration/vmstate.h"
#include "qom/object.h"

typedef struct DeviceTree DeviceTree;
typedef struct DeviceState DeviceState;

typedef struct DeviceClass {
    ObjectClass parent; /* its parent is &device_class or one below */
    /* Properties are set; claim ports and memory. BQL, machine build. */
    bool (*realize)(DeviceState *dev, Error **errp);
    /* Ends what realize() began, timers above all. */
    void (*unrealize)(DeviceState *dev);
    /* Power-on state. BQL, guest stopped. */
    void (*reset)(DeviceState *dev);
    const VMStateDescription *vmsd; /* NULL: no state */
    size_t vmsd_offset; /* where vmsd's struct lies in the instance */
    bool user_creatable;            /* -device may make one */
} DeviceClass;

struct DeviceState {
    Object parent;
    bool realized;
    bool user_created;    /* by -device */
    uint32_t instance_id; /* of its section; VMSTATE_INSTANCE_ID_ANY */
    const char *path;     /* stable path in section names, or NULL */
};

extern const ObjectClass device_class;

/* NULL if @name is no device class. */
const DeviceClass *device_class_by_name(const char *name);
const DeviceClass *device_get_class(const DeviceState *dev);

/* A device of @vm with its defaults and globals set, not yet realized. */
DeviceState *device_new(VM *vm, const DeviceClass *klass, const char *id,
                        Error **errp);

/*
 * Realizes @dev, registers its state and puts it under /machine. On failure
 * @dev is freed.
 */
bool device_realize(DeviceState *dev, Error **errp);

typedef struct DeviceProp {
    const char *name;
    const char *value;
} DeviceProp;

/*
 * device_new(), object_set_str() of @props (ended by a NULL name, or NULL)
 * and device_realize() in one. NULL on failure.
 */
DeviceState *device_create(VM *vm, const DeviceClass *klass,
                           const DeviceProp *props, Error **errp);

/* -device: keyval object with "driver"; user-creatable classes only. */
bool device_add(VM *vm, struct json_object *opts, Error **errp);

DeviceTree *device_tree_new(void);
/* Unrealizes and frees in reverse order. */
void device_tree_free(VM *vm);
void device_tree_reset(VM *vm);
void device_tree_foreach(VM *vm, void (*fn)(DeviceState *dev, void *opaque),
                         void *opaque);

#endif
