# SPDX-License-Identifier: GPL-2.0-or-later
"""What the Python tools share: a QMP client, emulator processes, guests."""
