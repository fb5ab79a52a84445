/** Who shares a process with whom, how runs wait, and how processes end. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '../support/until.ts'
import { BLACK_BOX } from './rust-programs.ts'
import {
  errorOf,
  interpreterStates,
  levels,
  openRig,
  program,
  resultOf,
  type Rig,
} from './support.ts'

/** Waits until every interpreter of the rig that is idle is stopped; some may end meanwhile. */
async function frozenSoon(rig: Rig): Promise<void> {
  await until(() => {
    const stopped = [...interpreterStates().values()].filter((state) => state.stopped)
    return stopped.length >= rig.sandbox.stats().idle
  })
}

const counting = {
  python: 'n = 0\ndef handler(event):\n    global n\n    n += 1\n    return n',
  nodejs: 'let n = 0\nexports.handler = () => (n += 1)',
  rust: `use std::sync::atomic::{AtomicU64, Ordering};
static N: AtomicU64 = AtomicU64::new(0);
fn handler(_event: Json) -> Result<Json, String> { Ok(json!(N.fetch_add(1, Ordering::Relaxed) + 1)) }`,
} as const

const looking = {
  python:
    'import os\ndef handler(event):\n    try:\n        open("/tmp/mark", "a").close()\n        return sorted(os.listdir("/tmp"))\n    except OSError:\n        return ["mark"]',
  nodejs:
    'const fs = require("fs")\nexports.handler = () => { try { fs.appendFileSync("/tmp/mark", ""); return fs.readdirSync("/tmp") } catch { return ["mark"] } }',
  rust: `fn handler(_event: Json) -> Result<Json, String> {
    if std::fs::write("/tmp/mark", "").is_err() { return Ok(json!(["mark"])) }
    Ok(std::fs::read_dir("/tmp").unwrap().map(|at| at.unwrap().file_name().into_string().unwrap()).collect())
}`,
} as const

const taking = {
  python: 'def handler(event):\n    return len(bytearray(event << 20)) >> 20',
  nodejs: 'exports.handler = (event) => new Uint8Array(event << 20).fill(1).length / 2 ** 20',
  rust: `${BLACK_BOX}
fn handler(event: Json) -> Result<Json, String> {
    let taken = vec![1u8; (event.as_u64().ok_or("no number")? << 20) as usize];
    Ok(json!(black_box(taken).len() >> 20))
}`,
} as const

const runtimes = ['python', 'nodejs', 'rust'] as const

for (const level of levels) {
  describe(`processes at level ${level === 'auto' ? 'full' : 'user'}`, () => {
    let rig: Rig
    before(async () => {
      rig = await openRig({ level, maxProcessesPerFunction: 2 })
    })
    after(() => rig.close())

    for (const runtime of runtimes) {
      test(`${runtime}: a function keeps its process from call to call`, async () => {
        const fn = program(runtime, counting[runtime])
        for (let i = 1; i <= 20; i += 1) assert.equal(resultOf(await rig.run(fn)), i)
        assert.equal(resultOf(await rig.run({ ...fn })), 21, 'an equal program is the same program')
      })

      test(`${runtime}: no state crosses owners, functions, versions, limits, code or environments`, async () => {
        const fn = program(runtime, counting[runtime])
        for (let i = 1; i <= 3; i += 1) assert.equal(resultOf(await rig.run(fn)), i)
        const others = [
          { ...fn, owner: 'somebody else' },
          { ...fn, functionId: fn.functionId + 1_000_000 },
          { ...fn, version: 2 },
          { ...fn, memoryMb: 129 },
          { ...fn, code: `${fn.code}\n` },
          { ...fn, env: { A: 'b' } },
        ]
        for (const other of others) assert.equal(resultOf(await rig.run(other)), 1)
      })

      test(`${runtime}: files in /tmp do not cross functions`, async () => {
        const look = looking[runtime]
        for (let i = 0; i < 3; i += 1) {
          const fn = program(runtime, look)
          const clean = `${look}\n`
          assert.deepEqual(resultOf(await rig.run(fn)), ['mark'])
          assert.deepEqual(resultOf(await rig.run({ ...fn, code: clean })), ['mark'])
        }
      })

      test(`${runtime}: its memory limit is the function's own`, async () => {
        const fn = (memoryMb: number) => program(runtime, taking[runtime], { memoryMb })
        assert.equal(resultOf(await rig.run(fn(512), { event: '300' })), 300)
        assert.equal(errorOf(await rig.run(fn(128), { event: '300' })).code, 'MEMORY_LIMIT')
        assert.equal(resultOf(await rig.run(fn(64), { event: '30' })), 30)
      })
    }

    test('more runs than processes wait and begin in order', async () => {
      const fn = program(
        'python',
        'import time\ndef handler(event):\n    time.sleep(0.01)\n    return event',
      )
      const begun: number[] = []
      const one = async (n: number) => {
        const onStart = () => void begun.push(n)
        assert.equal(resultOf(await rig.run(fn, { event: String(n), onStart })), n)
      }
      await Promise.all(Array.from({ length: 40 }, (_, n) => one(n)))
      // Two processes at a time: nobody is overtaken by more than the neighbour.
      begun.forEach((n, at) => assert.ok(Math.abs(n - at) <= 2, begun.join(' ')))
    })

    test('a flood of one function leaves room for others', async () => {
      const slow = program(
        'nodejs',
        'exports.handler = () => new Promise((r) => setTimeout(r, 500))',
      )
      const flood = Promise.all(Array.from({ length: 20 }, () => rig.run(slow)))
      let ended = false
      const done = flood.then(() => (ended = true))
      const other = program('python', counting.python)
      assert.equal(resultOf(await rig.run(other)), 1)
      assert.equal(ended, false)
      await done
    })

    test('a run starts when a process has its event', async () => {
      let started = 0
      const fn = program('python', counting.python)
      const run = rig.run(fn, { onStart: () => (started += 1) })
      resultOf(await run)
      assert.equal(started, 1)
    })

    test('a run that is aborted ends with the reason, and its process with it', async () => {
      const abort = new AbortController()
      const reason = new Error('the caller went away')
      const fn = program('python', 'import time\ndef handler(event):\n    time.sleep(60)')
      const run = rig.run(fn, {
        signal: abort.signal,
        timeoutMs: 60_000,
        onStart: () => setImmediate(() => abort.abort(reason)),
      })
      await assert.rejects(run, reason)
      await assert.rejects(rig.run(fn, { signal: abort.signal }), reason)
    })

    test('a run that is aborted while it waits leaves the queue', async () => {
      const fn = program(
        'python',
        'import time\ndef handler(event):\n    time.sleep(0.1)\n    return 1',
      )
      const abort = new AbortController()
      const running = [rig.run(fn), rig.run(fn)]
      const waiting = rig.run(fn, { signal: abort.signal })
      const behind = rig.run(fn)
      const reason = new Error('no longer wanted')
      abort.abort(reason)
      await assert.rejects(waiting, reason)
      for (const run of await Promise.all([...running, behind])) assert.equal(resultOf(run), 1)
    })

    test('user code does not run between calls', async () => {
      const code = `
import threading, time
ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        time.sleep(0.001)
threading.Thread(target=tick, daemon=True).start()
def handler(event):
    time.sleep(0.002)
    return ticks
`
      const fn = program('python', code)
      const first = resultOf(await rig.run(fn)) as number
      await frozenSoon(rig)
      const before = interpreterStates()
      // Another function's calls are the clock: while they go on, the frozen one must not.
      const other = program('python', counting.python)
      for (let i = 0; i < 300; i += 1) await rig.run(other)
      const after = interpreterStates()
      assert.ok(first >= 0)
      const stopped = [...before].filter(([, state]) => state.stopped)
      assert.ok(stopped.length > 0)
      for (const [pid, state] of stopped) {
        const now = after.get(pid)
        if (now?.stopped === true) assert.equal(now.cpu, state.cpu)
      }
      assert.ok((resultOf(await rig.run(fn)) as number) > first)
    })
  })

  test(`a newer version at level ${level === 'auto' ? 'full' : 'user'} ends the idle processes of older ones, not of other functions`, async () => {
    // Beside other tests' functions, processes that were superseded some time ago would end meanwhile.
    await using own = await openRig({ level })
    const old = program('nodejs', counting.nodejs)
    const young = { ...old, version: 2 }
    const other = program('nodejs', counting.nodejs)
    const foreign = { ...old, owner: 'somebody else' }
    for (const fn of [old, other, foreign]) assert.equal(resultOf(await own.run(fn)), 1)
    const { idle } = own.sandbox.stats()
    assert.equal(resultOf(await own.run(young)), 1)
    assert.equal(own.sandbox.stats().idle, idle, 'one came, one went')
    for (const fn of [other, foreign, young]) assert.equal(resultOf(await own.run(fn)), 2)
    assert.equal(resultOf(await own.run(old)), 1, 'a job of the old version still runs')
    assert.equal(resultOf(await own.run(young)), 3, 'and leaves the new one alone')
  })
}
