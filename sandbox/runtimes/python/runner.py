# The user's program, and the loop that answers calls.
# Part of the runner: `launch.ts` puts the parts together, in order, into one text.


class Rest:
    """What is left of a coroutine after its first step."""

    def __init__(self, coroutine, first):
        self.coroutine = coroutine
        self.first = first

    def __await__(self):
        yield self.first
        return (yield from self.coroutine.__await__())


class Program:
    """The user's module, loaded once; its process serves nothing else."""

    def __init__(self):
        self.handler = None
        self.context = False
        self.loop = None
        self.steps = False
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
        # Whoever names the library may ask for its loop, which has to turn before the first step.
        self.steps = 'asyncio' not in source and 'asyncio' not in sys.modules
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
        if self.steps and type(awaitable) is CoroutineType and 'asyncio' not in sys.modules:
            # Most coroutines that do without a loop end in one step; importing one takes longer
            # than they do.
            try:
                first = copy_context().run(awaitable.send, None)
            except StopIteration as end:
                return end.value
            awaitable = Rest(awaitable, first)

        # One loop for the life of the process: it turns during a call and never between calls.
        import asyncio

        if self.loop is None:
            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        if type(awaitable) is not CoroutineType:

            async def wait(other):
                return await other

            awaitable = wait(awaitable)
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


def run(program, call, payload):
    """One call; returns the frame that answers it."""
    length = _u32.unpack_from(payload)[0]
    before = _rusage(_SELF)
    started = _clock()
    try:
        event = _decode(str(payload[4 + length :], 'utf-8'))
        context = str(payload[4 : 4 + length], 'utf-8') if program.context else ''
        # What is measured is the user's code, not the runner around it.
        if length + 4 + SMALL_BYTES < len(payload):
            before = _rusage(_SELF)
        started = _clock()
        result = program.call(event, context)
        took = _clock() - started
        after = before if took < SHORT_SECONDS else _rusage(_SELF)
        body = encode(result)
        kind = RESULT
    except BaseException as error:
        took = _clock() - started
        after = _rusage(_SELF)
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
    spent = (
        took
        if after is before
        else after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    )
    memory = after.ru_maxrss * 1024.0
    return _answer.pack(len(body) + 24, kind, call, took * 1e6, spent * 1e6, memory) + body


def apply(load):
    for kind, name in ((resource.RLIMIT_DATA, 'dataBytes'), (resource.RLIMIT_AS, 'addressBytes')):
        limit = load.get(name)
        if limit:
            resource.setrlimit(kind, (limit, limit))
    resource.setrlimit(resource.RLIMIT_NPROC, (THREADS, THREADS))
    _thread.stack_size(1 << 20)
    os.environ.update(load['env'])


def load_failure(program, call, error):
    try:
        body = _encode_ascii(program.describe(error)).encode()
    except BaseException:
        body = _out_of_memory
    return _answer.pack(len(body) + 24, ERROR, call, 0.0, 0.0, 0.0) + body


def warm_up():
    sample = 'def handler(event, context):\n    return {"event": event, "n": [1, 2.5, None, "x"]}\n'
    context, event = b'{"job_id":1}', b'{"a":[1,"b",{"c":null}]}'
    payload = _u32.pack(len(context)) + context + event
    for _ in range(3):
        program = Program()
        program.load(sample, 'warm_up')
        for _ in range(5):
            run(program, 0, payload)
    del sys.modules['warm_up']


def serve():
    channel = Channel()
    program = Program()
    warm_up()
    send(_header.pack(0, READY, 0))
    failure = None
    while True:
        kind, call, payload = channel.next()
        if kind == CALL:
            if failure is not None:
                send(load_failure(program, call, failure))
            else:
                send(run(program, call, payload))
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
