#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of scripts/lighter: guest images, streams, the QMP client, reports;
of how scripts/demo.py ends, of tests/bench's arguments, and of pages that tell what is in a stream."""

import io
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock
from xml.etree import ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'scripts'))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'bench'))

import bench  # noqa: E402
from lighter import guest, report, report_svg, stream  # noqa: E402
from lighter.emulator import Emulator  # noqa: E402
from lighter.qmp import QMPClient, QMPError  # noqa: E402


class GuestImage(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.image = os.path.join(self.folder.name, 'image')
        self.copy = os.path.join(self.folder.name, 'copy')

    def test_changes_only_parameters(self):
        before = b'xxxx' + guest.MAGIC + struct.pack('<5I', 1, 2, 3, 4, 5)
        with open(self.image, 'wb') as out:
            out.write(before + b'rest')
        values = guest.write_image(self.image, self.copy, hot_pages=77)
        self.assertEqual(values['first_page'], 1)
        with open(self.copy, 'rb') as copy:
            self.assertEqual(copy.read(), b'xxxx' + guest.MAGIC +
                             struct.pack('<5I', 1, 77, 3, 4, 5) + b'rest')

    def test_refuses_an_image_without_parameters(self):
        with open(self.image, 'wb') as out:
            out.write(b'nothing of the kind')
        with self.assertRaises(ValueError):
            guest.write_image(self.image, self.copy)

    def test_knows_the_real_images(self):
        folder = os.environ.get('QTEST_GUESTS')
        if not folder:
            self.skipTest('QTEST_GUESTS names no folder of images')
        for name in ('pattern.elf', 'pattern.bios'):
            values = guest.write_image(os.path.join(folder, name), self.copy)
            self.assertEqual(values['hot_pages'], 4096)


class Stream(unittest.TestCase):
    def test_header(self):
        data = stream.header(1 << 20)
        self.assertEqual(data[:8], b'QEVM\0\0\0\3')
        self.assertIn(b'\4none', data)
        self.assertEqual(data[-5:], b'\x7e\0\0\0\1')

    def test_writes_the_pages_it_is_given(self):
        near, far = socket.socketpair()
        received = bytearray()

        def read():
            while chunk := far.recv(65536):
                received.extend(chunk)

        reader = threading.Thread(target=read)
        reader.start()
        stream.write_ram(near, 4 * 4096,
                         lambda n: bytes([n]) * 4096 if n != 2 else None)
        near.close()
        reader.join()
        far.close()
        self.assertEqual(received.count(b'\1' * 4096), 1)
        self.assertNotIn(b'\2' * 4096, received)
        self.assertEqual(received[-1:], b'\0')


class Client(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, 'qmp')
        self.listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listener.close)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.requests = []

    def serve(self, *replies):
        def run():
            connection, _ = self.listener.accept()
            with connection, connection.makefile('rw') as lines:
                lines.write('{"QMP": {}}\n')
                lines.flush()
                for reply in ({'return': {}},) + replies:
                    self.requests.append(json.loads(lines.readline()))
                    lines.write('{"event": "STOP"}\n')
                    lines.write(json.dumps(reply) + '\n')
                    lines.flush()

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)

    def test_command_and_events(self):
        self.serve({'return': 7})
        client = QMPClient(self.path)
        self.addCleanup(client.close)
        self.assertEqual(client.command('do-it', max_bandwidth=1), 7)
        self.assertEqual(self.requests[1], {
            'execute': 'do-it', 'arguments': {'max-bandwidth': 1}})
        self.assertEqual(len(client.events), 2)

    def test_error(self):
        self.serve({'error': {'class': 'GenericError', 'desc': 'no'}})
        client = QMPClient(self.path)
        self.addCleanup(client.close)
        with self.assertRaises(QMPError) as caught:
            client.command('do-it')
        self.assertEqual(caught.exception.error_class, 'GenericError')

    def test_hang_up(self):
        self.serve()
        client = QMPClient(self.path)
        self.addCleanup(client.close)
        for _ in range(2):
            with self.assertRaisesRegex(ConnectionError, 'emulator closed'):
                client.command('do-it')


def sample(number, ms, normal, zero, left, rate=0):
    """A query-migrate reply; @left in pages."""
    return {'status': 'active', 'total-time': ms, 'downtime': 7, 'ram': {
        'dirty-sync-count': number, 'normal': normal, 'duplicate': zero,
        'remaining': left * report.PAGE, 'dirty-pages-rate': rate,
        'transferred': normal * report.PAGE, 'total': 1000 * report.PAGE,
        'mbps': 8.0}}


class Rounds(unittest.TestCase):
    def rounds_of(self, *samples):
        rounds = report.Rounds()
        for each in samples:
            rounds.add(each)
        return rounds.rounds

    def test_nothing_known_yet(self):
        self.assertEqual(self.rounds_of({}, {'status': 'setup'}), [])

    def test_a_rate_belongs_to_the_round_before(self):
        first, second = self.rounds_of(sample(1, 0, 0, 0, 100),
                                       sample(2, 200, 100, 0, 30, 150))
        self.assertEqual((first.ms, first.dirty_rate), (200, 150))
        self.assertIsNone(second.dirty_rate)

    def test_a_short_round_has_no_rate(self):
        first, _ = self.rounds_of(sample(1, 0, 0, 0, 100),
                                  sample(2, 20, 100, 0, 30, 150))
        self.assertIsNone(first.dirty_rate)

    def test_pages_between_two_samples(self):
        """The earlier round gets what it had left, the next one the rest."""
        first, second = self.rounds_of(sample(1, 0, 10, 0, 90),
                                       sample(2, 200, 20, 110, 5))
        self.assertEqual(first.normal + first.zero, 100)
        self.assertEqual(second.normal + second.zero, 30)
        self.assertEqual(first.normal + second.normal, 20)

    def test_a_round_that_nobody_saw(self):
        rounds = self.rounds_of(sample(1, 0, 0, 0, 9), sample(3, 9, 9, 0, 0))
        self.assertEqual([r.number for r in rounds], [1, 2, 3])
        self.assertEqual(rounds[1].ms, 0)


class Reports(unittest.TestCase):
    def setUp(self):
        self.report = report.Report(
            downtime_limit_ms=100, guest_downtime_ms=8.5, tick_ms=1.0,
            rewrite_rate=20000, digest='0123456789abcdef' * 4)
        rounds = report.Rounds()
        for number in range(1, 31):
            last = sample(number, number * 150, number * 10, number, 5, 66)
            rounds.add(last)
        self.report.rounds = rounds.rounds
        self.report.take(last)

    def test_text_has_all(self):
        said = report.text(self.report)
        for part in ('4500 ms', '7 ms (limit 100 ms)', '8.5 ms', 'rounds',
                     '20000 pages/s', 'zero pages        30',
                     '0123456789abcdef', 'went on'):
            self.assertIn(part, said)

    def test_picture_is_xml_and_small(self):
        picture = report_svg.svg(self.report)
        root = ElementTree.fromstring(picture)
        self.assertTrue(root.tag.endswith('svg'))
        self.assertLess(len(picture), 16384)
        self.assertIn('8.5 ms as the guest saw it', picture)

    def test_progress_in_a_pipe(self):
        out = io.StringIO()
        progress = report.Progress(out)
        progress(sample(1, 0, 0, 0, 100))
        progress(sample(2, 200, 100, 0, 30, 150))
        progress.finish()
        first, second = out.getvalue().splitlines()
        self.assertIn('measuring', first)
        self.assertIn('150 pages/s', second)
        self.assertNotIn('\r', out.getvalue())


class Demo(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self, build_dir):
        return subprocess.Popen(
            [sys.executable, os.path.join(ROOT, 'scripts', 'demo.py'),
             '--build-dir', build_dir, '--ram-mib', '64', '--hot-mib', '4',
             '--cold-mib', '8', '--bandwidth-mib', '4'],
            cwd=self.folder, env=dict(os.environ, TMPDIR=self.folder),
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_not_built(self):
        demo = self.start(self.folder)
        said = demo.communicate(timeout=30)[1]
        self.assertEqual(demo.returncode, 1)
        self.assertIn('run \'make\'', said)
        self.assertEqual(os.listdir(self.folder), [])

    def test_interrupt_leaves_nothing(self):
        binary = os.environ.get('QTEST_QEMU_BINARY')
        if not binary:
            self.skipTest('QTEST_QEMU_BINARY names no emulator')
        demo = self.start(os.path.dirname(binary))
        with demo:
            for line in demo.stdout:
                if 'round' in line:
                    break
            with open(f'/proc/{demo.pid}/task/{demo.pid}/children',
                      encoding='ascii') as text:
                children = text.read().split()
            demo.send_signal(signal.SIGINT)
            said = demo.communicate(timeout=30)[1]
        self.assertEqual(demo.returncode, 128 + signal.SIGINT)
        self.assertIn('Interrupted', said)
        self.assertEqual(os.listdir(self.folder), [])
        self.assertEqual(len(children), 2)
        for pid in children:
            self.assertFalse(os.path.exists(f'/proc/{pid}'))


class BenchArguments(unittest.TestCase):
    def parse(self, *args):
        with mock.patch('sys.argv', ['bench.py', *args]):
            return bench.parse_args()

    def refused(self, *args):
        said = io.StringIO()
        with mock.patch('sys.stderr', said), \
                self.assertRaises(SystemExit) as caught:
            self.parse(*args)
        self.assertEqual(caught.exception.code, 2)
        return said.getvalue()

    def test_bad_values(self):
        for args, part in (
                (('--channels', '300'), 'no number from 0 to 255'),
                (('--channels', '1,x'), "'x' is no number"),
                (('--compressions', 'lz4'), 'none, zlib, zstd'),
                (('--contents', 'zeros'), 'zero, random, half'),
                (('--transports', 'rdma'), 'tcp, unix'),
                (('--runs', '0'), 'from 1 to'),
                (('--ram-mib', '-1'), 'from 1 to'),
                (('--large-gib', '1.5'), 'from 0 to')):
            with self.subTest(args=args):
                said = self.refused(*args)
                self.assertIn(f'argument {args[0]}: ', said)
                self.assertIn(part, said)

    def test_nothing_to_measure(self):
        for args in (('--compressions', 'zstd', '--contents', 'zero'),
                     ('--compressions', 'zlib', '--channels', '0'),
                     ('--channels', ''), ('--transports', ''),
                     ('--contents', '', '--large-gib', '0'),
                     ('--contents', '', '--channels', '1')):
            with self.subTest(args=args):
                self.assertIn('nothing would be measured',
                              self.refused(*args))

    def test_good_values(self):
        opts = self.parse('--channels', '2,8,2', '--compressions', 'zstd')
        self.assertEqual(opts.channels, [2, 8])
        self.assertFalse(bench.has_ways(opts, 'zero'))
        self.assertEqual([bench.label_of('text', way)
                          for way in bench.ways_for(opts, 'text')],
                         ['text tcp x2 zstd', 'text tcp x8 zstd',
                          'text unix x2 zstd', 'text unix x8 zstd'])
        self.assertEqual(self.parse('--contents', '').contents, [])


class DeviceSections(unittest.TestCase):
    """docs/devel/migration/device-sections.rst and a real stream."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def describe(self, binary, machine):
        path = os.path.join(self.folder, machine)
        with Emulator(binary, machine, self.folder, [
                '-machine', machine, '-accel', 'tcg', '-m', '8M', '-S',
                '-serial', 'null', '-bios', self.bios()]) as emulator:
            emulator.qmp.command('migrate', uri=f'file:{path}')
            self.assertEqual(emulator.wait_migration()['status'], 'completed')
        said = subprocess.run(
            [sys.executable, '-B',
             os.path.join(ROOT, 'scripts/analyze-migration.py'),
             '-d', 'desc', '-f', path],
            check=True, capture_output=True, text=True).stdout
        return json.loads(said)['devices']

    def bios(self):
        path = os.path.join(self.folder, 'bios')
        with open(path, 'wb') as out:
            out.write(b'\xf4' * 65536)
        return path

    def check_fields(self, text, description):
        for each in description.get('fields', []):
            name = each['name'].split(' (')[0]
            name = re.sub(r'\[[0-9]+\]$', '', name)
            self.assertIn(f'\n``{name}', text,
                          f'field of {description["vmsd_name"]}')
            if 'struct' in each:
                self.check_fields(text, each['struct'])
        for each in description.get('subsections', []):
            self.check_fields(text, each)

    def test_page_knows_what_is_sent(self):
        binary = os.environ.get('QTEST_QEMU_BINARY')
        if not binary:
            self.skipTest('QTEST_QEMU_BINARY names no emulator')
        page = os.path.join(ROOT, 'docs/devel/migration/device-sections.rst')
        with open(page, encoding='utf-8') as lines:
            text = lines.read()
        for machine in ('q35', 'microvm'):
            devices = self.describe(binary, machine)
            self.assertGreater(len(devices), 5)
            for device in devices:
                self.assertIn(f'\n``{device["vmsd_name"]}``, version '
                              f'{device["version"]}\n', text)
                self.check_fields(text, device)


if __name__ == '__main__':
    unittest.main()
