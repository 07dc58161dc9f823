# SPDX-License-Identifier: GPL-2.0-or-later
"""Emulator processes, ours or stock QEMU's, with their QMP connection."""

import os
import resource
import signal
import subprocess
import time

from .qmp import QMPClient

TERMINAL_STATES = ('completed', 'failed', 'cancelled')


class Emulator:
    """A running emulator; use as a context manager."""

    def __init__(self, binary, name, workdir, args):
        self.name = name
        self.qmp = None
        self.log_path = os.path.join(workdir, f'{name}.log')
        path = os.path.join(workdir, f'{name}.qmp')
        argv = [binary, '-name', name, '-nodefaults', '-display', 'none',
                '-qmp', f'unix:{path},server=on,wait=off', *args]
        with open(self.log_path, 'wb') as log:
            started = time.monotonic()
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        try:
            self.qmp = QMPClient(path)
        except OSError:
            self.stop()
            raise RuntimeError(f'{name} did not start: {" ".join(argv)}\n'
                               f'{self.log()}') from None
        except BaseException:
            self.stop()
            raise
        self.start_s = time.monotonic() - started

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as text:
            return text.read().strip()

    def stop(self):
        if self.qmp:
            self.qmp.close()
            self.qmp = None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def cpu_seconds(self):
        with open(f'/proc/{self.process.pid}/stat', encoding='ascii') as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
        ticks = os.sysconf('SC_CLK_TCK')
        return (int(fields[11]) + int(fields[12])) / ticks

    def status_kib(self, key):
        """A field of /proc/PID/status in KiB, e.g. VmHWM or RssAnon."""
        with open(f'/proc/{self.process.pid}/status',
                  encoding='ascii') as status:
            for line in status:
                if line.startswith(key + ':'):
                    return int(line.split()[1])
        return 0

    def set_parameters(self, **parameters):
        self.qmp.command('migrate-set-parameters', **parameters)

    def set_capabilities(self, **capabilities):
        self.qmp.command('migrate-set-capabilities', capabilities=[
            {'capability': name.replace('_', '-'), 'state': state}
            for name, state in capabilities.items()])

    def wait_migration(self, timeout_s=120.0, poll_s=0.005, progress=None):
        """Waits for the end of an outgoing or incoming migration."""
        deadline = time.monotonic() + timeout_s
        while True:
            info = self.qmp.command('query-migrate')
            if progress:
                progress(info)
            if info.get('status') in TERMINAL_STATES:
                return info
            if time.monotonic() > deadline:
                raise TimeoutError(f'{self.name}: migration still '
                                   f"{info.get('status')}")
            time.sleep(poll_s)


def children_cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
