# The python side of the control channel: reads frames on fd 3, runs the user's handler, answers.
#
# Invariants:
# 1. It runs inside the sandbox and beside hostile code. Nothing here is a defence: the host checks
#    every frame, and whatever user code does to this module it does to its own process only.
# 2. It says READY before it has seen any user code; it has run its own paths before, so that the
#    first call finds them warm.
# 3. It reads and writes without threads, so user code does not run between calls (the host also
#    freezes the process).
# 4. It is fed through fd 0, which becomes /dev/null: no file in the sandbox holds it.
import sys
import os

_null = os.open('/dev/null', os.O_RDONLY)
os.dup2(_null, 0)
os.closerange(4, 65536)
sys.argv[:] = ['']
sys.orig_argv[:] = []
os.environ.clear()

import _json
import json
import resource
import struct
import time
import _thread
from _contextvars import copy_context
from types import CoroutineType, FunctionType, MethodType, ModuleType

FILE = 'function.py'
LOAD, CALL, CHECK, READY, RESULT, ERROR, CHECKED = 1, 2, 3, 17, 18, 19, 20
RESULT_BYTES = 1024 * 1024
READ_BYTES = 16384
THREADS = 16
# Reading the CPU clock costs about two microseconds. A run as short as this was busy all the time
# and has touched next to no memory: it is not read again at its end.
SHORT_SECONDS = 0.0001
# An event beyond this takes longer to decode than to read the clock once more behind it.
SMALL_BYTES = 4096

_read, _write = os.read, os.write
_header = struct.Struct('<IBI')
_answer = struct.Struct('<IBIddd')
_u32 = struct.Struct('<I')
_clock = time.perf_counter
_rusage = resource.getrusage
_SELF = resource.RUSAGE_SELF
_stdout, _stderr = sys.stdout, sys.stderr
_decode_slowly = json.JSONDecoder().decode
_scan = json.JSONDecoder().scan_once
_out_of_memory = b'{"kind":"memory","message":"The function ran out of memory.","type":"MemoryError"}'


def _decode(text):
    try:
        return _scan(text, 0)[0]
    except StopIteration:
        # Leading blanks, or no JSON at all.
        return _decode_slowly(text)


def _not_json(value):
    raise TypeError('%s is not JSON' % type(value).__name__)


def _make_encoder(ascii_only):
    # JSONEncoder.encode without its wrappers, which cost more than a small result does.
    quote = json.encoder.encode_basestring_ascii if ascii_only else json.encoder.encode_basestring
    make = json.encoder.c_make_encoder
    join = ''.join

    def encode(value):
        chunks = make({}, _not_json, quote, None, ':', ',', False, False, False)
        return join(chunks(value, 0))

    return encode


_encode = _make_encoder(False)
_encode_ascii = _make_encoder(True)


class Refused(Exception):
    """The result is not something that the platform can keep."""


class Channel:
    def __init__(self):
        self.rest = b''

    def take(self, count):
        data = self.rest
        if len(data) < count:
            parts = [data]
            have = len(data)
            while have < count:
                part = _read(3, max(count - have, READ_BYTES))
                if not part:
                    os._exit(0)
                parts.append(part)
                have += len(part)
            data = b''.join(parts)
        self.rest = data[count:]
        return data[:count]

    def next(self):
        if not self.rest:
            # Nearly always one whole frame; a small buffer does not have to be mapped anew.
            data = _read(3, READ_BYTES)
            if len(data) >= 9:
                length, kind, call = _header.unpack_from(data)
                if len(data) == 9 + length:
                    return kind, call, data[9:]
            elif not data:
                os._exit(0)
            self.rest = data
        length, kind, call = _header.unpack(self.take(9))
        return kind, call, self.take(length)


def send(data):
    sent = _write(3, data)
    while sent < len(data):
        data = data[sent:]
        sent = _write(3, data)


def offender(value, path='result', above=()):
    """Where a result that does not encode stops being JSON, for the message."""
    if value is None or isinstance(value, (str, bool, int)):
        return None
    if isinstance(value, float):
        return None if value - value == 0 else '%s is %r, which is not JSON' % (path, value)
    if id(value) in above:
        return '%s contains itself' % path
    if len(above) > 600:
        return '%s is nested too deeply' % path[:60]
    above = above + (id(value),)
    if isinstance(value, dict):
        for key in value:
            if not (key is None or isinstance(key, (str, bool, int, float))):
                return '%s has a key of type %s, which is not JSON' % (path, type(key).__name__)
            if isinstance(key, float) and key - key != 0:
                return '%s has the key %r, which is not JSON' % (path, key)
            found = offender(value[key], '%s.%s' % (path, key), above)
            if found:
                return found
        return None
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            found = offender(item, '%s[%d]' % (path, index), above)
            if found:
                return found
        return None
    return '%s is of type %s, which is not JSON' % (path, type(value).__name__)


def encode(value):
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        try:
            why = offender(value)
        except RecursionError:
            why = 'it is nested too deeply'
        raise Refused('The result is not JSON: %s.' % (why or error)) from None
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = _encode_ascii(value).encode()
    if len(data) > RESULT_BYTES:
        raise Refused(
            'The result has %d bytes; at most %d are allowed.' % (len(data), RESULT_BYTES)
        )
    return data


def wants_context(handler):
    bound = 0
    seen = 0
    while seen < 50 and hasattr(handler, '__wrapped__'):
        handler = handler.__wrapped__
        seen += 1
    if type(handler) is MethodType:
        handler, bound = handler.__func__, 1
    elif type(handler) is not FunctionType:
        handler, bound = getattr(type(handler), '__call__', None), 1
    code = getattr(handler, '__code__', None)
    if code is None:
        return False
    return code.co_argcount - bound >= 2 or bool(code.co_flags & 0x04)
