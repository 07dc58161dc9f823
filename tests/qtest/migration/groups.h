/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each adds the tests of its file to the g_test program. */
#ifndef TESTS_QTEST_MIGRATION_GROUPS_H
#define TESTS_QTEST_MIGRATION_GROUPS_H

void migration_add_precopy_tests(void);
void migration_add_state_tests(void);
void migration_add_cancel_tests(void);
void migration_add_fault_tests(void);
void migration_add_file_tests(void);
void migration_add_multifd_tests(void);
void migration_add_multifd_fault_tests(void);
void migration_add_multifd_stream_tests(void);
void migration_add_switchover_tests(void);
void migration_add_uri_tests(void);

#endif
