/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handlers of HMP commands, for the table in hmp-table.c. */
#ifndef MONITOR_HMP_CMDS_H
#define MONITOR_HMP_CMDS_H

#include "hmp.h"

/* hmp-cmds.c */
void hmp_stop(HmpCall *call);
void hmp_cont(HmpCall *call);
void hmp_quit(HmpCall *call);
void hmp_system_reset(HmpCall *call);
void hmp_system_powerdown(HmpCall *call);
void hmp_migrate(HmpCall *call);
void hmp_migrate_incoming(HmpCall *call);
void hmp_migrate_cancel(HmpCall *call);
void hmp_migrate_set_capability(HmpCall *call);
void hmp_migrate_set_parameter(HmpCall *call);
void hmp_memsave(HmpCall *call);
void hmp_pmemsave(HmpCall *call);
void hmp_object_add(HmpCall *call);
void hmp_object_del(HmpCall *call);
void hmp_qom_list(HmpCall *call);
void hmp_qom_get(HmpCall *call);
void hmp_getfd(HmpCall *call);
void hmp_closefd(HmpCall *call);
void hmp_trace_event(HmpCall *call);

/* hmp-cmds-migration.c */
void hmp_info_migrate(HmpCall *call);

/* hmp-cmds-info.c */
void hmp_info_chardev(HmpCall *call);
void hmp_info_cpus(HmpCall *call);
void hmp_info_kvm(HmpCall *call);
void hmp_info_migrate_capabilities(HmpCall *call);
void hmp_info_migrate_parameters(HmpCall *call);
void hmp_info_mtree(HmpCall *call);
void hmp_info_name(HmpCall *call);
void hmp_info_qom_tree(HmpCall *call);
void hmp_info_registers(HmpCall *call);
void hmp_info_status(HmpCall *call);
void hmp_info_uuid(HmpCall *call);
void hmp_info_version(HmpCall *call);

/* hmp-cmds-mem.c */
void hmp_x(HmpCall *call);
void hmp_xp(HmpCall *call);
void hmp_ioport_read(HmpCall *call);
void hmp_ioport_write(HmpCall *call);
void hmp_sum(HmpCall *call);
void hmp_print(HmpCall *call);

#endif
