/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine types and the machine of a VM. */
#ifndef HW_CORE_BOARDS_H
#define HW_CORE_BOARDS_H

#include "hw/core/irq.h"
#include "qom/object.h"
#include "system/globals.h"

struct json_object;
typedef struct Machine Machine;
struct Chardev;

/* What -kernel, -initrd, -append, -bios and -drive gave. */
typedef struct MachineBoot {
    char *kernel_path;
    char *initrd_path;
    char *cmdline;
    char *firmware_path;
} MachineBoot;

#define MACHINE_MAX_SERIALS 4
#define MACHINE_GSI_COUNT 24

/*
 * Properties that every machine has (memory-backend, kernel, initrd, append,
 * firmware, dump-guest-core) are those of machine_base_class.
 */
extern const ObjectClass machine_base_class;

typedef struct MachineClass {
    ObjectClass parent; /* name is "pc-q35-10.0-machine" */
    const char *name;   /* what -machine says and the stream carries */
    const char *alias;  /* or NULL */
    const char *description;
    bool is_default;
    unsigned max_cpus;
    uint64_t default_ram_bytes;
    const char *default_ram_id;     /* RAM block's name without a backend */
    const char *default_cpu_type;   /* NULL: no CPU */
    const GlobalProp *compat_props; /* newest first table, or NULL */

    /*
     * RAM (machine->ram), vm->accel and vm->smp_cpus are there: create CPUs,
     * devices and the memory map. BQL.
     */
    bool (*init)(Machine *machine, Error **errp);
    /*
     * Everything incl. -device is there: load kernel and firmware, set the
     * CPU's entry state on each reset. BQL.
     */
    bool (*done)(Machine *machine, Error **errp);
} MachineClass;

struct Machine {
    Object parent;
    struct RAMBlock *ram;        /* NULL where ram_size_bytes is 0 */
    char *memory_backend;        /* property "memory-backend" */
    /* Of the RAM's backend where the property names none; -mem-path ... */
    char *mem_path;              /* a file or folder, or NULL */
    bool mem_prealloc;
    MachineBoot boot;
    bool usb, graphics;          /* accepted properties of q35/microvm */
    bool dump_guest_core;        /* RAM shows in core dumps of the process */
    struct Chardev *serials[MACHINE_MAX_SERIALS]; /* NULL: "none" */
    unsigned serial_count;       /* how many -serial were given */
    GPtrArray *drives;           /* of Drive *: hw/block/drive.h */
    struct RomList *roms;        /* hw/core/loader.h */
    void *boot_disk;             /* DeviceState of the ide-hd booted from */
    /*
     * Interrupt inputs by GSI, filled in by the board's init before devices:
     * 0-15 are also the ISA lines.
     */
    IRQLine gsi[MACHINE_GSI_COUNT];
    void *board;                 /* the board's own, freed by g_free() */
};

/* All machine classes, ended by NULL: hw/core/machine-table.c. */
extern const MachineClass *const machine_class_table[];

/* By name or alias. NULL: unknown. */
const MachineClass *machine_class_by_name(const char *name);
const MachineClass *machine_class_default(void);
const MachineClass *machine_get_class(const Machine *machine);

/*
 * Builds the machine in three steps, BQL held: machine_create() makes the
 * object from -machine's options (keyval object with "type"), so that later
 * options can refer to it; machine_init() makes RAM, CPUs and devices;
 * machine_done() loads and resets. What they made goes with the VM;
 * machine_free() is for who wants it gone earlier.
 */
bool machine_create(VM *vm, struct json_object *opts, Error **errp);
bool machine_init(VM *vm, Error **errp);
bool machine_done(VM *vm, Error **errp);
void machine_free(VM *vm);

/*
 * One -serial, in order: @spec as for chardev_new_from_spec(), or "none".
 * Between machine_create() and machine_init(). BQL.
 */
bool machine_add_serial(VM *vm, const char *spec, Error **errp);

/* Serial chardev number @n given with -serial, NULL for none. */
struct Chardev *machine_serial_chardev(VM *vm, unsigned n);

/*
 * The board's serial ports, in order: one for each -serial but "none", up to
 * @ports; without any -serial the first, unless vm->nodefaults. Called from
 * the board's init.
 */
bool machine_create_serials(Machine *machine, unsigned ports, Error **errp);

#endif
