/** What user code may look like, and what its author is told when it fails. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { RuntimeName } from '#sandbox/contract.ts'
import { failuresInRust, handlersInRust, RUST } from './rust-programs.ts'
import { errorOf, levels, openRig, program, resultOf, type Rig } from './support.ts'

const handlers: readonly [RuntimeName, string, string][] = [
  ...handlersInRust,
  ['python', 'a function', 'def handler(event):\n    return event'],
  [
    'python',
    'a function that takes the context',
    'def handler(event, context):\n    return event if context["job_id"] == 7 else None',
  ],
  [
    'python',
    'an async function',
    'import asyncio\nasync def handler(event):\n    await asyncio.sleep(0.001)\n    return event',
  ],
  ['python', 'an async function without asyncio', 'async def handler(event):\n    return event'],
  [
    'python',
    'an async function that steps aside',
    'import types\n@types.coroutine\ndef pause():\n    yield\nasync def handler(event):\n    await pause()\n    await pause()\n    return event',
  ],
  [
    'python',
    'a function that answers with something to wait for',
    'class Later:\n    def __init__(self, event):\n        self.event = event\n    def __await__(self):\n        yield\n        return self.event\ndef handler(event):\n    return Later(event)',
  ],
  [
    'python',
    'an async function that imports its loop late',
    'async def handler(event):\n    import asyncio\n    return await asyncio.create_task(asyncio.sleep(0, event))',
  ],
  [
    'python',
    'a callable object',
    'class Handler:\n    def __call__(self, event, context):\n        return event\nhandler = Handler()',
  ],
  [
    'python',
    'a method',
    'class A:\n    def go(self, event):\n        return event\nhandler = A().go',
  ],
  ['python', 'a lambda', 'handler = lambda event: event'],
  [
    'python',
    'a decorated function',
    'import functools\ndef deco(f):\n    @functools.wraps(f)\n    def wrapper(*a, **k):\n        return f(*a, **k)\n    return wrapper\n@deco\ndef handler(event):\n    return event',
  ],
  [
    'python',
    'a dataclass at work',
    'from dataclasses import dataclass, asdict\n@dataclass\nclass P:\n    e: dict\ndef handler(event):\n    return asdict(P(event))["e"]',
  ],
  ['nodejs', 'a function', 'function handler(event) { return event }'],
  ['nodejs', 'an async function', 'async function handler(event) { await null; return event }'],
  ['nodejs', 'an arrow function', 'const handler = (event) => event // the end'],
  ['nodejs', 'module.exports', 'module.exports = (event) => event'],
  ['nodejs', 'module.exports.handler', 'module.exports.handler = (event) => event'],
  ['nodejs', 'exports.handler', 'exports.handler = async (event) => event'],
  ['nodejs', 'an exported function', 'export function handler(event) { return event }'],
  [
    'nodejs',
    'a default export',
    'export default async (event, context) => context.job_id === 7 ? event : null',
  ],
  ['nodejs', 'a default export of an object', 'export default { handler(event) { return event } }'],
  [
    'nodejs',
    'a module with imports',
    'import { createHash } from "node:crypto"\nimport fs from "fs"\nexport const handler = (event) => createHash("md5") && fs.existsSync("/dev/null") && event',
  ],
  [
    'nodejs',
    'a module that forgot to export',
    'import "node:os"\nfunction handler(event) { return event }',
  ],
  [
    'nodejs',
    'a module that waits at its top',
    'const wait = await new Promise((resolve) => setTimeout(resolve, 1, 1))\nexport const handler = (event) => wait && event',
  ],
  [
    'nodejs',
    'an import at run time',
    'exports.handler = async (event) => (await import("node:path")).sep && event',
  ],
  [
    'nodejs',
    'a required builtin',
    'const { inspect } = require("util")\nexports.handler = (event) => inspect(event) && event',
  ],
  [
    'nodejs',
    'a thenable',
    'exports.handler = (event) => ({ then(resolve) { setTimeout(resolve, 1, event) } })',
  ],
]

const failures: readonly [RuntimeName, string, string, Record<string, unknown>][] = [
  ...failuresInRust,
  [
    'python',
    'a raise',
    'def inner():\n    raise ValueError("bad é")\n\ndef handler(event):\n    inner()',
    { type: 'ValueError', message: 'bad é', line: 2, column: 5 },
  ],
  [
    'python',
    'an error in a library',
    'import json\ndef handler(event):\n    x = "ä"; return json.loads("{")',
    { type: 'JSONDecodeError', line: 3, column: 21 },
  ],
  [
    'python',
    'a syntax error',
    'def handler(event):\n    return (1',
    { type: 'SyntaxError', line: 2, column: 12 },
  ],
  [
    'python',
    'an error while loading',
    'x = 1\ny = x / 0\ndef handler(event):\n    pass',
    { type: 'ZeroDivisionError', line: 2, column: 5 },
  ],
  [
    'python',
    'sys.exit',
    'import sys\ndef handler(event):\n    sys.exit(3)',
    { type: 'SystemExit', line: 3 },
  ],
  [
    'python',
    'no handler',
    'x = 1',
    { message: 'The source defines no handler: write "def handler(event):".' },
  ],
  [
    'python',
    'a set',
    'def handler(event):\n    return {"a": {1}}',
    { message: 'The result is not JSON: result.a is of type set, which is not JSON.' },
  ],
  [
    'nodejs',
    'a throw',
    'function inner() {\n  throw new TypeError("bad é")\n}\nexports.handler = () => inner()',
    { type: 'TypeError', message: 'bad é', line: 2, column: 9 },
  ],
  [
    'nodejs',
    'a rejection',
    'exports.handler = async () => {\n  await null\n  null.x\n}',
    { type: 'TypeError', line: 3, column: 8 },
  ],
  [
    'nodejs',
    'a string thrown',
    'exports.handler = () => { throw "plain" }',
    { type: 'string', message: 'plain' },
  ],
  [
    'nodejs',
    'a syntax error',
    'exports.handler = () => {\n  let 1x\n}',
    { type: 'SyntaxError', line: 2, column: 7 },
  ],
  [
    'nodejs',
    'a syntax error in a module',
    'export const a = 1\nexport const handler = () => {\n  const 1x\n}',
    { type: 'SyntaxError', line: 3, column: 9 },
  ],
  [
    'nodejs',
    'an error while loading',
    'const x = 1\nx.y.z\nexports.handler = () => 1',
    { type: 'TypeError', line: 2, column: 5 },
  ],
  [
    'nodejs',
    'an error while loading a module',
    'export const x = 1\nx.y.z\nexport const handler = () => 1',
    { type: 'TypeError', line: 2, column: 5 },
  ],
  [
    'nodejs',
    'a module that is not there',
    'const x = require("left-pad")\nexports.handler = () => 1',
    { message: "Cannot find module 'left-pad': only Node's own modules are available", line: 1 },
  ],
  [
    'nodejs',
    'no handler',
    'const x = 1',
    {
      message: 'The source defines no handler: write "function handler(event) {…}" or export one.',
    },
  ],
  [
    'nodejs',
    'a function in the result',
    'exports.handler = () => ({ a: [() => 1] })',
    { message: 'The result is not JSON: result.a[0] is of type function.' },
  ],
  [
    'nodejs',
    'a BigInt',
    'exports.handler = () => [1n]',
    { message: 'The result is not JSON: result[0] is of type bigint.' },
  ],
  [
    'nodejs',
    'a hole in a list',
    'exports.handler = () => [undefined]',
    { message: 'The result is not JSON: result[0] is of type undefined.' },
  ],
  [
    'nodejs',
    'a Map',
    'exports.handler = () => ({ m: new Map() })',
    { message: 'The result is not JSON: result.m is of type Map.' },
  ],
]

/** Rust: what fails with the number of its call. */
const counted = (failure: string) => `use std::sync::atomic::{AtomicU64, Ordering};
static N: AtomicU64 = AtomicU64::new(0);
fn handler(_event: Json) -> Result<Json, String> {
    let n = N.fetch_add(1, Ordering::Relaxed) + 1;
    ${failure}
}`

for (const level of levels) {
  describe(`programs at level ${level === 'auto' ? 'full' : 'user'}`, () => {
    let rig: Rig
    before(async () => (rig = await openRig({ level })))
    after(() => rig.close())

    for (const [runtime, what, code] of handlers) {
      test(`${runtime}: ${what} may be the handler`, async () => {
        const event = { text: 'grüß ☃ \u{1f600}', list: [1, 2.5, null, true], big: 12345678901 }
        const fn = program(runtime, code)
        for (let i = 0; i < 3; i += 1) {
          const run = await rig.run(fn, { event: JSON.stringify(event) })
          assert.deepEqual(resultOf(run), event)
          assert.equal(run.usage.cold, i === 0)
        }
      })
    }

    for (const [runtime, what, code, expected] of failures) {
      test(`${runtime}: ${what} is told with its place`, async () => {
        const error = errorOf(await rig.run(program(runtime, code)))
        assert.equal(error.code, 'RUNTIME_ERROR')
        assert.deepEqual({ ...error, ...expected }, error)
        const file = { python: 'function.py', nodejs: 'function.js', rust: 'function.rs' }[runtime]
        for (const line of error.stack?.split('\n').slice(1, -1) ?? []) {
          if (/^\s+(at|File) /.test(line)) assert.ok(line.includes(file), line)
        }
        assert.doesNotMatch(error.stack ?? '', /runner|node:|\/work|\/usr/)
      })
    }

    test('nothing returned is null', async () => {
      assert.equal(
        resultOf(await rig.run(program('python', 'def handler(event):\n    pass'))),
        null,
      )
      assert.equal(resultOf(await rig.run(program('nodejs', 'exports.handler = () => {}'))), null)
    })

    test('a plain error keeps its process', async () => {
      for (const fn of [
        program(
          'python',
          'n = 0\ndef handler(event):\n    global n\n    n += 1\n    raise ValueError(n)',
        ),
        program('nodejs', 'let n = 0\nexports.handler = () => { throw new Error(n += 1) }'),
        program('rust', counted('Err(n.to_string())')),
        program('rust', counted('panic!("{n}")')),
      ]) {
        assert.equal(errorOf(await rig.run(fn)).message, '1')
        assert.equal(errorOf(await rig.run(fn)).message, '2')
      }
    })

    test('an async function that never waits costs no event loop, and leaks no context', async () => {
      const code = `
import contextvars, sys
seen = contextvars.ContextVar('seen', default=0)
async def handler(event):
    seen.set(seen.get() + 1)
    return [seen.get(), 'async' + 'io' in sys.modules]`
      const fn = program('python', code)
      for (let i = 0; i < 3; i += 1) assert.deepEqual(resultOf(await rig.run(fn)), [1, false])
      const fails = 'async def handler(event):\n    raise ValueError("in a step")'
      const error = errorOf(await rig.run(program('python', fails)))
      assert.deepEqual([error.type, error.line], ['ValueError', 2])
    })

    for (const [runtime, code] of [
      ['python', 'def handler(event):\n    return event'],
      ['rust', `${RUST} Ok(event) }`],
    ] as const) {
      test(`${runtime}: numbers pass as text`, async () => {
        const fn = program(runtime, code)
        const run = await rig.run(fn, { event: ' [1.0, 12345678901234567890, 1e400] ' })
        assert.equal(
          errorOf(run).message,
          'The result is not JSON: result[2] is inf, which is not JSON.',
        )
        const exact = await rig.run(fn, { event: '[1.0,12345678901234567890]' })
        assert.deepEqual(exact.outcome, { ok: true, result: '[1.0,12345678901234567890]' })
      })
    }

    test('a result may be as deep as the limit and no deeper', async () => {
      for (const fn of [
        program(
          'python',
          'def handler(event):\n    r = []\n    for _ in range(event - 1):\n        r = [r]\n    return r',
        ),
        program(
          'rust',
          `${RUST} Ok((1..event.as_i64().unwrap()).fold(json!([]), |r, _| json!([r]))) }`,
        ),
      ]) {
        assert.ok((await rig.run(fn, { event: '512' })).outcome.ok)
        assert.match(errorOf(await rig.run(fn, { event: '513' })).message, /512/)
      }
    })

    test('what is printed belongs to its run, whole and in order', async () => {
      const python =
        'import sys, os\ndef handler(event):\n    print("one", event)\n    print("err", file=sys.stderr)\n    os.write(1, b"raw\\n")'
      const nodejs =
        'exports.handler = (event) => { console.log("one", event); console.error("err"); require("fs").writeSync(1, "raw\\n") }'
      const rust = `use std::io::Write;\n${RUST} println!("one {event}"); eprintln!("err"); std::io::stdout().write_all(b"raw\\n").unwrap(); Ok(event) }`
      for (const fn of [
        program('python', python),
        program('nodejs', nodejs),
        program('rust', rust),
      ]) {
        for (let i = 0; i < 50; i += 1) {
          const { logs } = await rig.run(fn, { event: String(i) })
          const texts = logs.map(({ stream, text }) => `${stream} ${text}`).sort()
          assert.deepEqual(texts, ['stderr err', `stdout one ${i}`, 'stdout raw'])
        }
      }
    })

    test('logs are kept up to their size and no further', async () => {
      const fn = program(
        'nodejs',
        'exports.handler = () => { for (let i = 0; i < 200; i += 1) console.log("x".repeat(999)) }',
      )
      const { logs, logsTruncated, outcome } = await rig.run(fn)
      assert.ok(outcome.ok && logsTruncated)
      assert.equal(
        logs.reduce((sum, { text }) => sum + text.length + 1, 0),
        64 * 1024 + 1,
      )
    })

    test('the environment is the function’s own', async () => {
      const env = { GREETING: 'grüß' }
      const nodejs = program('nodejs', 'exports.handler = () => process.env', { env })
      assert.deepEqual(resultOf(await rig.run(nodejs)), env)
      const code = 'import os\ndef handler(event):\n    return dict(os.environ)'
      assert.deepEqual(resultOf(await rig.run(program('python', code, { env }))), env)
      const rust = `${RUST} let _ = event; Ok(std::env::vars().collect()) }`
      assert.deepEqual(resultOf(await rig.run(program('rust', rust, { env }))), env)
    })

    test('what a run used is told', async () => {
      const spin =
        'import time\ndef handler(event):\n    end = time.process_time() + 0.05\n    while time.process_time() < end: pass'
      const { usage } = await rig.run(program('python', spin))
      assert.ok(usage.cpuMs >= 45 && usage.durationMs >= 45, JSON.stringify(usage))
      assert.ok(usage.memoryBytes > 1 << 20)
    })
  })
}
