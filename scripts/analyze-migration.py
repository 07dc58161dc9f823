#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a migration stream and says what is in it.

The JSON description behind the devices tells how long each field is; every
octet of the stream must be accounted for by it, or this program fails. It
shares no code with the emulator.
"""

import argparse
import json
import os
import struct
import sys

EOF, START, PART, END, FULL, SUBSECTION, VMDESC, CONFIG, COMMAND = range(9)
FOOTER = 0x7E
RECORDS = {START: 'START', PART: 'PART', END: 'END', FULL: 'FULL'}
COMMANDS = {
    1: 'OPEN_RETURN_PATH', 2: 'PING', 3: 'POSTCOPY_ADVISE',
    4: 'POSTCOPY_LISTEN', 5: 'POSTCOPY_RUN', 6: 'POSTCOPY_RAM_DISCARD',
    7: 'PACKAGED', 8: 'ENABLE_COLO', 9: 'POSTCOPY_RESUME', 10: 'RECV_BITMAP',
    11: 'SWITCHOVER_START',
}

RAM_ZERO, RAM_MEM_SIZE, RAM_PAGE, RAM_EOS = 0x02, 0x04, 0x08, 0x10
RAM_CONTINUE, RAM_XBZRLE, RAM_MULTIFD_FLUSH = 0x20, 0x40, 0x200


class StreamError(Exception):
    """The stream does not follow its format or its description."""


class Reader:
    """Octets of a file, with the place they came from."""

    def __init__(self, path):
        self.file = open(path, 'rb')
        self.size = os.fstat(self.file.fileno()).st_size

    @property
    def offset(self):
        return self.file.tell()

    def raw(self, length):
        offset = self.offset
        data = self.file.read(length)
        if len(data) != length:
            raise StreamError(f'offset {offset}: {length} octets wanted, '
                              f'the file has {len(data)} more')
        return data

    def number(self, octets, signed=False):
        return int.from_bytes(self.raw(octets), 'big', signed=signed)

    def text(self, octets):
        return self.raw(octets).decode('utf-8', 'backslashreplace')

    def str8(self):
        return self.text(self.number(1))

    def fail(self, message):
        raise StreamError(f'offset {self.offset}: {message}')


def find_description(path):
    """The JSON text: the last record of the file, found from its end."""
    with open(path, 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        for window in (1 << 20, 1 << 24, 1 << 26):
            start = max(0, size - window)
            file.seek(start)
            data = file.read()
            at = len(data)
            while (at := data.rfind(b'\x06', 0, at)) >= 0:
                if data[at + 5:at + 6] != b'{' or not at or data[at - 1]:
                    continue
                (length,) = struct.unpack('>I', data[at + 1:at + 5])
                if at + 5 + length > len(data):
                    continue
                try:
                    return json.loads(data[at + 5:at + 5 + length],
                                      object_pairs_hook=keep_pairs)
                except ValueError:
                    continue
            if not start:
                break
    raise StreamError('there is no description behind the devices; was it '
                      'suppressed?')


def keep_pairs(pairs):
    """A dict; of keys that repeat (list fields) the first stays."""
    out = {}
    for key, value in pairs:
        out.setdefault(key, value)
    return out


# Fields

SIGNED = {'int8', 'int16', 'int32', 'int64', 'int32 equal', 'int64 equal',
          'int32 le', 'timer'}
UNSIGNED = {'uint8', 'uint16', 'uint32', 'uint64', 'uint8 equal',
            'uint16 equal', 'uint32 equal', 'uint64 equal'}
WIDTHS = {'int8': 1, 'uint8': 1, 'int16': 2, 'uint16': 2, 'int32': 4,
          'uint32': 4, 'int64': 8, 'uint64': 8, 'bool': 1, 'timer': 8}


class DeviceReader:
    """Reads one section body by its description."""

    def __init__(self, reader, name):
        self.reader = reader
        self.name = name

    def scalar(self, field):
        kind, size = field['type'], field['size']
        width = WIDTHS.get(kind.split(' ')[0])
        if width and width != size:
            self.reader.fail(f'{self.name}/{field["name"]}: a {kind} of '
                             f'{size} octets')
        if kind in SIGNED:
            return self.reader.number(size, signed=True)
        if kind in UNSIGNED:
            return f'{self.reader.number(size):#x}'
        if kind == 'bool':
            value = self.reader.number(1)
            if value > 1:
                self.reader.fail(f'{self.name}/{field["name"]}: a bool that '
                                 f'is {value}')
            return bool(value)
        return self.reader.raw(size).hex(' ')

    def value(self, field):
        start = self.reader.offset
        if 'struct' in field:
            value = self.fields(field['struct'])
        else:
            value = self.scalar(field)
        used = self.reader.offset - start
        if used != field['size']:
            self.reader.fail(f'{self.name}/{field["name"]}: {used} octets '
                             f'read, {field["size"]} described')
        return value

    def field(self, field, out):
        name = field['name']
        if 'array_len' in field:
            out[name] = [self.value(field)
                         for _ in range(field['array_len'])]
        elif 'index' in field:
            out.setdefault(name, []).append(self.value(field))
        elif name in out:
            self.reader.fail(f'{self.name}: field {name} is described twice')
        else:
            out[name] = self.value(field)

    def fields(self, description):
        out = {}
        for field in description['fields']:
            self.field(field, out)
        for sub in description.get('subsections', []):
            self.subsection(sub, out)
        return out

    def subsection(self, sub, out):
        if (kind := self.reader.number(1)) != SUBSECTION:
            self.reader.fail(f'{self.name}: subsection {sub["vmsd_name"]} '
                             f'described, octet {kind:#04x} found')
        if (name := self.reader.str8()) != sub['vmsd_name']:
            self.reader.fail(f'{self.name}: subsection {sub["vmsd_name"]} '
                             f'described, {name} found')
        if (version := self.reader.number(4)) != sub['version']:
            self.reader.fail(f'{name}: version {sub["version"]} described, '
                             f'{version} found')
        out[name] = self.fields(sub)


# RAM

class RAM:
    """The `ram` section over all its parts."""

    def __init__(self, reader, page_size, capabilities, memory):
        self.reader = reader
        self.page_size = page_size
        self.shared_ignored = 'x-ignore-shared' in capabilities
        self.sizes = {}
        self.previous = None
        self.counts = {}
        self.memory = memory

    def block_list(self, total):
        while total > 0:
            name = self.reader.str8()
            length = self.reader.number(8)
            self.sizes[name] = length
            self.counts.setdefault(name, {'normal': 0, 'zero': 0,
                                          'xbzrle': 0})
            if self.shared_ignored:
                self.reader.number(8)
            total -= length
        if total < 0:
            self.reader.fail('ram: the block list is longer than its total')

    def page(self, address, flags):
        if not flags & RAM_CONTINUE:
            self.previous = self.reader.str8()
        name = self.previous
        if name not in self.sizes:
            self.reader.fail(f'ram: page of unknown block {name!r}')
        if address >= self.sizes[name]:
            self.reader.fail(f'ram: page {address:#x} outside of {name}')
        kind = flags & ~RAM_CONTINUE
        if kind == RAM_ZERO:
            self.counts[name]['zero'] += 1
            if (fill := self.reader.number(1)):
                self.reader.fail(f'ram: ZERO record with octet {fill:#04x}')
            self.store(name, address, bytes(self.page_size))
        elif kind == RAM_PAGE:
            self.counts[name]['normal'] += 1
            self.store(name, address, self.reader.raw(self.page_size))
        else:
            self.counts[name]['xbzrle'] += 1
            self.reader.number(1)
            self.reader.raw(self.reader.number(2))
            if self.memory is not None:
                self.reader.fail('ram: cannot extract XBZRLE pages')

    def store(self, name, address, data):
        if self.memory is None:
            return
        if name not in self.memory:
            path = name.replace('/', '_') + '.mem'
            self.memory[name] = open(path, 'wb')
            self.memory[name].truncate(self.sizes[name])
        self.memory[name].seek(address)
        self.memory[name].write(data)

    def body(self):
        mask = self.page_size - 1
        while True:
            word = self.reader.number(8)
            address, flags = word & ~mask, word & mask
            if flags == RAM_EOS:
                return
            if flags == RAM_MEM_SIZE:
                self.block_list(address)
            elif flags & ~RAM_CONTINUE in (RAM_ZERO, RAM_PAGE, RAM_XBZRLE):
                self.page(address, flags)
            elif flags != RAM_MULTIFD_FLUSH:
                self.reader.fail(f'ram: unknown flags {flags:#05x}')

    def summary(self):
        return {name: {'size': size, **self.counts[name]}
                for name, size in self.sizes.items()}


# The stream

class Stream:
    """Walks a whole stream."""

    def __init__(self, path, extract):
        self.description = find_description(path)
        self.reader = Reader(path)
        self.page_size = self.description.get('page_size', 4096)
        self.devices = list(self.description['devices'])
        self.names = {}
        self.records = []
        self.state = {}
        self.configuration = {}
        self.ram = None
        self.memory = {} if extract else None

    def header(self):
        if (magic := self.reader.number(4)) != 0x5145564D:
            self.reader.fail(f'magic is {magic:#010x}, not QEVM')
        if (version := self.reader.number(4)) != 3:
            self.reader.fail(f'stream version is {version}, not 3')
        if self.peek() == CONFIG:
            self.reader.number(1)
            self.config_section()

    def peek(self):
        at = self.reader.offset
        octet = self.reader.file.read(1)
        self.reader.file.seek(at)
        return octet[0] if octet else None

    def config_section(self):
        config = self.configuration
        config['machine'] = self.reader.text(self.reader.number(4))
        while self.peek() == SUBSECTION:
            self.reader.number(1)
            name, version = self.reader.str8(), self.reader.number(4)
            if version != 1:
                self.reader.fail(f'{name}: version {version}, not 1')
            if name == 'configuration/capabilities':
                config['capabilities'] = [
                    self.reader.str8()
                    for _ in range(self.reader.number(4))]
            elif name == 'configuration/uuid':
                config['uuid'] = self.reader.raw(16).hex()
            elif name == 'configuration/target-page-bits':
                config['page_bits'] = self.reader.number(4)
            else:
                self.reader.fail(f'unknown subsection {name}')
        self.check_config_description()

    def check_config_description(self):
        described = self.description.get('configuration')
        if not described:
            return
        sizes = {f['name']: f['size'] for f in described['fields']}
        if sizes.get('name') != len(self.configuration['machine'].encode()):
            self.reader.fail('configuration: name is not as described')

    def section(self, kind):
        number = self.reader.number(4)
        if kind in (START, FULL):
            name = self.reader.str8()
            instance, version = self.reader.number(4), self.reader.number(4)
            self.names[number] = (name, instance, version)
        elif number not in self.names:
            self.reader.fail(f'section {number} was not started')
        name, instance, version = self.names[number]
        start = self.reader.offset
        if name == 'ram':
            self.ram_body(version)
        elif kind == FULL:
            self.device(name, instance, version)
        else:
            self.reader.fail(f'live section {name} is not known')
        self.records.append((RECORDS[kind], number, name, instance, version,
                             self.reader.offset - start))
        self.footer(name, number)

    def footer(self, name, number):
        if self.peek() != FOOTER:
            self.reader.fail(f'{name}: footer expected')
        self.reader.number(1)
        if (found := self.reader.number(4)) != number:
            self.reader.fail(f'{name}: footer of section {found} found, not '
                             f'{number}')

    def ram_body(self, version):
        if version != 4:
            self.reader.fail(f'ram: version {version}, not 4')
        if self.ram is None:
            self.ram = RAM(self.reader, self.page_size,
                           self.configuration.get('capabilities', []),
                           self.memory)
        self.ram.body()

    def device(self, name, instance, version):
        if not self.devices:
            self.reader.fail(f'{name}: not in the description')
        described = self.devices.pop(0)
        if (described['name'], described['instance_id']) != (name, instance):
            self.reader.fail(f'{name} {instance} found, {described["name"]} '
                             f'{described["instance_id"]} described')
        if described.get('version', version) != version:
            self.reader.fail(f'{name}: version {version} found, '
                             f'{described["version"]} described')
        key = f'{name} ({instance})' if instance else name
        self.state[key] = DeviceReader(self.reader, name).fields(described)

    def command(self):
        number, length = self.reader.number(2), self.reader.number(2)
        if number not in COMMANDS:
            self.reader.fail(f'unknown command {number}')
        if number == 7:
            self.reader.fail('PACKAGED: this is a postcopy stream')
        data = self.reader.raw(length)
        self.records.append(('COMMAND', number, COMMANDS[number], 0, 0,
                             len(data)))

    def walk(self):
        self.header()
        while (kind := self.reader.number(1)) != EOF:
            if kind in RECORDS:
                self.section(kind)
            elif kind == COMMAND:
                self.command()
            else:
                self.reader.fail(f'unknown record {kind:#04x}')
        if self.devices:
            self.reader.fail(f'{self.devices[0]["name"]} is described but '
                             f'not there')
        self.trailer()

    def trailer(self):
        if (kind := self.reader.number(1)) != VMDESC:
            self.reader.fail(f'description expected, octet {kind:#04x} found')
        self.reader.raw(self.reader.number(4))
        if self.reader.offset != self.reader.size:
            self.reader.fail(f'{self.reader.size - self.reader.offset} '
                             f'octets behind the description')

    def print_all(self):
        print('configuration:', json.dumps(self.configuration))
        for kind, number, name, instance, version, length in self.records:
            print(f'{kind:8} {number:4} {name} instance {instance} version '
                  f'{version}: {length} octets')
        self.print_ram()
        self.print_state()

    def print_ram(self):
        print(json.dumps({'ram': self.ram.summary() if self.ram else {}},
                         indent=4))

    def print_state(self):
        print(json.dumps(self.state, indent=4))


def main():
    parser = argparse.ArgumentParser(
        description='Read a migration stream and check every octet of it '
        'against the description it carries.')
    parser.add_argument('-f', '--file', required=True, help='the stream')
    parser.add_argument('-d', '--dump', default='state',
                        choices=['desc', 'state', 'ram', 'all'],
                        help='what to print (default: state)')
    parser.add_argument('-x', '--extract', action='store_true',
                        help='write desc.json, state.json and BLOCK.mem to '
                        'the current directory')
    args = parser.parse_args()
    stream = None
    try:
        stream = Stream(args.file, args.extract)
        if args.dump == 'desc' and not args.extract:
            print(json.dumps(stream.description, indent=4))
            return 0
        stream.walk()
    except (StreamError, OSError, KeyError, UnicodeDecodeError) as error:
        print(f'{args.file}: {type(error).__name__}: {error}',
              file=sys.stderr)
        return 1
    if args.extract:
        for name, value in (('desc', stream.description),
                            ('state', stream.state)):
            with open(name + '.json', 'w', encoding='utf-8') as out:
                json.dump(value, out, indent=4)
        return 0
    try:
        {'state': stream.print_state, 'ram': stream.print_ram,
         'all': stream.print_all}[args.dump]()
    except BrokenPipeError:
        sys.stderr.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
