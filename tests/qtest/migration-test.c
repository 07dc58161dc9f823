/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live migration between two emulator processes: all cases. */
#include "qemu/osdep.h"
#include <signal.h>
#include "migration/groups.h"

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    migration_add_precopy_tests();
    migration_add_state_tests();
    migration_add_cancel_tests();
    migration_add_fault_tests();
    migration_add_file_tests();
    migration_add_multifd_tests();
    migration_add_multifd_fault_tests();
    migration_add_multifd_stream_tests();
    migration_add_switchover_tests();
    migration_add_uri_tests();
    return g_test_run();
}
