/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The constants against octets that stock QEMU 10.0.2 wrote. */
#include "qemu/osdep.h"

#include "migration/stream-format.h"
#include "qemu/cutils.h"
#include "stream-double.h"

static void test_header(void)
{
    g_autoptr(GByteArray) o = test_octets("51 45 56 4d 00 00 00 03");
    StreamFileHeader header;

    memcpy(&header, o->data, sizeof(header));
    g_assert_cmphex(ldl_be_p(&header.magic), ==, QEMU_VM_FILE_MAGIC);
    g_assert_cmphex(ldl_be_p(&header.version), ==, QEMU_VM_FILE_VERSION);
}

static void test_section(void)
{
    g_autoptr(GByteArray) o =
        test_octets("01 00000001 03 \"ram\" 00000000 00000004");
    StreamSectionHead head;
    StreamSectionTail tail;

    memcpy(&head, o->data, sizeof(head));
    memcpy(&tail, o->data + sizeof(head) + 4, sizeof(tail));
    g_assert_cmpint(head.type, ==, QEMU_VM_SECTION_START);
    g_assert_cmpuint(ldl_be_p(&head.section_id), ==, 1);
    g_assert_cmpuint(ldl_be_p(&tail.instance_id), ==, 0);
    g_assert_cmpuint(ldl_be_p(&tail.version_id), ==, RAM_SECTION_VERSION);
}

static void test_command(void)
{
    g_autoptr(GByteArray) o = test_octets("08 0002 0004 00000001");
    StreamCommand command;

    memcpy(&command, o->data, sizeof(command));
    g_assert_cmpint(command.type, ==, QEMU_VM_COMMAND);
    g_assert_cmpint(ldw_be_p(&command.command), ==, MIG_CMD_PING);
    g_assert_cmpint(ldw_be_p(&command.length_bytes), ==, 4);
}

static void test_ram(void)
{
    g_autoptr(GByteArray) o = test_octets("0000000000001022 00");
    StreamRAMZeroContinue zero;

    memcpy(&zero, o->data, sizeof(zero));
    g_assert_cmphex(ldq_be_p(&zero.word), ==,
                    0x1000 | RAM_SAVE_FLAG_ZERO | RAM_SAVE_FLAG_CONTINUE);
    g_assert_cmphex(zero.fill, ==, 0);
}

static void test_footer(void)
{
    g_autoptr(GByteArray) o = test_octets("7e 00000001");
    StreamFooter footer;

    memcpy(&footer, o->data, sizeof(footer));
    g_assert_cmphex(footer.type, ==, QEMU_VM_SECTION_FOOTER);
    g_assert_cmpuint(ldl_be_p(&footer.section_id), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream-format/header", test_header);
    g_test_add_func("/stream-format/section", test_section);
    g_test_add_func("/stream-format/command", test_command);
    g_test_add_func("/stream-format/ram", test_ram);
    g_test_add_func("/stream-format/footer", test_footer);
    return g_test_run();
}
