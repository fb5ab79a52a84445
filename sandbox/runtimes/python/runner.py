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
from types import CoroutineType, FunctionType, MethodType, ModuleType

FILE = 'function.py'
LOAD, CALL, CHECK, READY, RESULT, ERROR, CHECKED = 1, 2, 3, 17, 18, 19, 20
RESULT_BYTES = 1024 * 1024
READ_BYTES = 16384
THREADS = 16

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


class Program:
    """The user's module, loaded once; its process serves nothing else."""

    def __init__(self):
        self.handler = None
        self.context = False
        self.loop = None
        self.lines = []

    def load(self, source, name):
        self.lines = source.split('\n')
        module = ModuleType(name)
        module.__file__ = FILE
        sys.modules[name] = module
        exec(compile(source, FILE, 'exec', dont_inherit=True), module.__dict__)
        handler = module.__dict__.get('handler')
        if not callable(handler):
            raise Refused('The source defines no handler: write "def handler(event):".')
        self.context = wants_context(handler)
        self.handler = handler

    def call(self, event, context):
        if self.context:
            result = self.handler(event, _decode(context))
        else:
            result = self.handler(event)
        if type(result) is CoroutineType or hasattr(result, '__await__'):
            result = self.settle(result)
        return result

    def settle(self, awaitable):
        # One loop for the life of the process: it turns during a call and never between calls.
        import asyncio

        if self.loop is None:
            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        if type(awaitable) is not CoroutineType:

            async def wait():
                return await awaitable

            awaitable = wait()
        return self.loop.run_until_complete(awaitable)

    def describe(self, error):
        """What the host shows of an exception: the user's frames only."""
        if isinstance(error, Refused):
            return {'kind': 'result', 'message': str(error)}
        out = {'kind': 'error', 'type': type(error).__name__}
        try:
            out['message'] = str(error)
        except BaseException:
            out['message'] = '(its text could not be made)'
        # The interpreter says the second when it finds no memory for a frame.
        if isinstance(error, MemoryError) or (
            isinstance(error, SystemError) and 'without exception set' in out['message']
        ):
            out['kind'] = 'memory'
            out['message'] = out['message'] or 'The function ran out of memory.'
        if isinstance(error, SystemExit):
            out['message'] = 'the function asked the interpreter to exit (%s)' % out['message']
        frames = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_filename == FILE:
                frames.append((code, trace.tb_lasti, trace.tb_lineno))
            trace = trace.tb_next
        stack = []
        shown = frames if len(frames) <= 40 else frames[:20] + frames[-20:]
        for code, _, line in shown:
            stack.append('  File "%s", line %d, in %s' % (FILE, line, code.co_name))
            if 0 < line <= len(self.lines):
                stack.append('    ' + self.lines[line - 1].strip()[:200])
        if frames:
            code, at, line = frames[-1]
            out['line'] = line
            column = None
            for index, place in enumerate(code.co_positions()):
                if index == at // 2:
                    column = place[2]
                    break
            if column is not None and 0 < line <= len(self.lines):
                # The compiler counts bytes, people count characters.
                before = self.lines[line - 1].encode('utf-8', 'surrogatepass')[:column]
                out['column'] = len(before.decode('utf-8', 'replace')) + 1
        if isinstance(error, SyntaxError) and error.filename == FILE:
            out['message'] = error.msg
            if error.lineno:
                out['line'] = error.lineno
                out['column'] = max(error.offset or 1, 1)
                stack.append('  File "%s", line %d' % (FILE, error.lineno))
        if stack:
            out['stack'] = '\n'.join(
                ['Traceback (most recent call last):']
                + stack
                + ['%s: %s' % (out['type'], out['message'])]
            )
        return out


def run(program, call, payload, state):
    """One call; returns the frame that answers it."""
    length = _u32.unpack_from(payload)[0]
    started = _clock()
    try:
        event = _decode(str(payload[4 + length :], 'utf-8'))
        context = str(payload[4 : 4 + length], 'utf-8') if program.context else ''
        started = _clock()
        result = program.call(event, context)
        took = _clock() - started
        body = encode(result)
        kind = RESULT
    except BaseException as error:
        took = _clock() - started
        kind = ERROR
        try:
            body = _encode_ascii(program.describe(error)).encode()
        except BaseException:
            body = _out_of_memory
        error = None
    # A finished run's prints belong to it: they leave before its answer does.
    try:
        _stdout.flush()
        _stderr.flush()
    except BaseException:
        pass
    usage = _rusage(_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    spent = cpu - state[0]
    state[0] = cpu
    return (
        _answer.pack(len(body) + 24, kind, call, took * 1e6, spent * 1e6, usage.ru_maxrss * 1024.0)
        + body
    )


def apply(load):
    limit = load.get('dataBytes')
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_NPROC, (THREADS, THREADS))
    _thread.stack_size(1 << 20)
    os.environ.update(load['env'])


def load_failure(program, call, error, state):
    try:
        body = _encode_ascii(program.describe(error)).encode()
    except BaseException:
        body = _out_of_memory
    return _answer.pack(len(body) + 24, ERROR, call, 0.0, 0.0, 0.0) + body


DYNAMIC = {'exec', 'eval', 'globals', 'locals', 'vars', 'setattr', 'sys', '__import__', 'importlib'}


def defines_handler(tree):
    """False only if it is certain that no statement can bind `handler`."""
    import ast

    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node.name == 'handler':
                return True
        elif isinstance(node, ast.Name):
            if node.id == 'handler' or node.id in DYNAMIC:
                return True
        elif isinstance(node, ast.alias):
            name = node.asname or node.name.split('.')[0]
            if name in ('handler', '*') or name in DYNAMIC:
                return True
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name == 'handler':
            return True
        elif isinstance(node, ast.MatchMapping) and node.rest == 'handler':
            return True
        elif isinstance(node, ast.ExceptHandler) and node.name == 'handler':
            return True
    return False


def check(source):
    try:
        tree = compile(source, FILE, 'exec', 0x400, dont_inherit=True)
        if not defines_handler(tree):
            return {'ok': False, 'message': 'The source defines no handler.'}
        # Some errors ("return" outside a function) come from the compiler, after the parser.
        compile(source, FILE, 'exec', dont_inherit=True)
        return {'ok': True}
    except SyntaxError as error:
        out = {'ok': False, 'message': error.msg or 'invalid syntax'}
        if error.lineno:
            out['line'] = error.lineno
            out['column'] = max(error.offset or 1, 1)
        return out
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        return {'ok': False, 'message': '%s: %s' % (type(error).__name__, error)}


def warm_up():
    sample = 'def handler(event, context):\n    return {"event": event, "n": [1, 2.5, None, "x"]}\n'
    context, event = b'{"job_id":1}', b'{"a":[1,"b",{"c":null}]}'
    payload = _u32.pack(len(context)) + context + event
    for _ in range(3):
        program = Program()
        program.load(sample, 'warm_up')
        for _ in range(5):
            run(program, 0, payload, [0.0])
    del sys.modules['warm_up']


def serve():
    channel = Channel()
    program = Program()
    warm_up()
    usage = _rusage(_SELF)
    state = [usage.ru_utime + usage.ru_stime]
    send(_header.pack(0, READY, 0))
    failure = None
    while True:
        kind, call, payload = channel.next()
        if kind == CALL:
            if failure is not None:
                send(load_failure(program, call, failure, state))
            else:
                send(run(program, call, payload, state))
        elif kind == LOAD:
            load = _decode(str(payload, 'utf-8'))
            apply(load)
            try:
                program.load(load['code'], 'function')
            except BaseException as error:
                failure = error
        elif kind == CHECK:
            body = _encode_ascii(check(str(payload, 'utf-8'))).encode()
            send(_header.pack(len(body), CHECKED, call) + body)


serve()
