/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI configuration ports of the PC board, with just enough functions for
 * guests that look which chipset they run on: host bridge, LPC bridge, disk
 * controller; none of them decodes anything. Port 0xcf9 resets. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "system/ioport.h"
#include "system/runstate.h"

#define PCI_ADDRESS_ENABLE 0x80000000U
#define PCI_DEVFN(dev, fn) (((dev) << 3) | (fn))
#define PCI_HEADER_MULTI 0x80

typedef struct PCIFunction {
    uint8_t devfn;
    uint16_t vendor_id, device_id;
    uint32_t class_revision; /* class, subclass, interface, revision */
    uint8_t header_type;
} PCIFunction;

static const PCIFunction q35_functions[] = {
    { PCI_DEVFN(0, 0), 0x8086, 0x29c0, 0x06000000, 0 },
    { PCI_DEVFN(31, 0), 0x8086, 0x2918, 0x06010002, PCI_HEADER_MULTI },
    { PCI_DEVFN(31, 2), 0x8086, 0x2922, 0x01060102, 0 },
};

typedef struct Q35PCIHost {
    DeviceState dev;
    uint32_t address;
    uint8_t reset_control; /* port 0xcf9 */
} Q35PCIHost;

static uint32_t pci_config_read(const Q35PCIHost *host, unsigned offset)
{
    unsigned bus = (host->address >> 16) & 0xff;
    unsigned devfn = (host->address >> 8) & 0xff;

    if (!(host->address & PCI_ADDRESS_ENABLE) || bus) {
        return UINT32_MAX;
    }
    for (size_t i = 0; i < ARRAY_SIZE(q35_functions); i++) {
        const PCIFunction *fn = &q35_functions[i];

        if (fn->devfn != devfn) {
            continue;
        }
        switch (offset) {
        case 0x00:
            return fn->vendor_id | ((uint32_t)fn->device_id << 16);
        case 0x08:
            return fn->class_revision;
        case 0x0c:
            return (uint32_t)fn->header_type << 16;
        case 0x2c:
            return 0x1af4 | (0x1100U << 16);
        default:
            return 0;
        }
    }
    return UINT32_MAX;
}

static uint32_t q35_pci_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    Q35PCIHost *host = opaque;
    uint32_t value;

    if (port < 0xcfc) {
        if (port == 0xcf9 && size_bytes == 1) {
            return host->reset_control;
        }
        return port == 0xcf8 && size_bytes == 4 ? host->address : UINT32_MAX;
    }
    value = pci_config_read(host, host->address & 0xfc);
    return value >> (8 * (port & 3));
}

static void q35_pci_write(void *opaque, uint16_t port, uint32_t value,
                          unsigned size_bytes)
{
    Q35PCIHost *host = opaque;

    if (port == 0xcf8 && size_bytes == 4) {
        host->address = value;
    } else if (port == 0xcf9 && size_bytes == 1) {
        host->reset_control = value & 0x0a;
        if (value & 4) {
            vm_request_reset(host->dev.parent.vm, SHUTDOWN_CAUSE_GUEST_RESET);
        }
    }
    /* The functions' registers are all read-only. */
}

static const IOPortOps q35_pci_ops = {
    .name = "pci-conf",
    .read = q35_pci_read,
    .write = q35_pci_write,
    .max_access_bytes = 4,
};

static bool q35_pci_realize(DeviceState *dev, Error **errp)
{
    return ioport_register(dev->parent.vm, 0xcf8, 8, &q35_pci_ops,
                           container_of(dev, Q35PCIHost, dev), errp);
}

static void q35_pci_reset(DeviceState *dev)
{
    Q35PCIHost *host = container_of(dev, Q35PCIHost, dev);

    host->address = 0;
    host->reset_control = 0;
}

static const VMStateDescription vmstate_q35_pci = {
    .name = "q35-pci-config",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(address, Q35PCIHost),
        VMSTATE_UINT8(reset_control, Q35PCIHost),
        VMSTATE_END_OF_LIST(),
    },
};

const DeviceClass q35_pcihost_class = {
    .parent = {
        .name = "q35-pcihost",
        .parent = &device_class,
        .instance_size = sizeof(Q35PCIHost),
        .description = "PCI configuration ports of the PC board",
    },
    .realize = q35_pci_realize,
    .reset = q35_pci_reset,
    .vmsd = &vmstate_q35_pci,
};
