/** Invocations: answered inline or accepted, shown on their way, read back with what they said. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { FunctionsApi, type Answer, type Job } from './functions-api.ts'

let platform: TestPlatform
let api: FunctionsApi
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
})
after(() => platform.stop())

const jobOf = ({ body }: Answer) => body.data as Job

const SLOW = {
  python: 'import time\ndef handler(event):\n    time.sleep(event["ms"] / 1000)\n    return event',
  nodejs:
    'const handler = async (event) => {\n' +
    '  await new Promise((done) => setTimeout(done, event.ms))\n  return event\n}\n' +
    'module.exports = { handler }',
}

for (const runtime of ['python', 'nodejs'] as const) {
  test(`${runtime}: duration is the time of the code in milliseconds`, async () => {
    const id = await api.register({ runtime, code: SLOW[runtime] })
    const { id: job, duration, status, result } = await api.call(id, { ms: 120 })
    assert.deepEqual({ status, result }, { status: 'success', result: { ms: 120 } })
    // Far from seconds and microseconds; virtual clocks have been seen to lose some milliseconds.
    assert.ok(duration !== null && duration > 60 && duration < 20_000, `${duration}`)
    assert.equal((await api.job(job)).duration, duration)
  })

  test(`${runtime}: a longer run is shown as running, sync and async`, async () => {
    const id = await api.register({ runtime, code: SLOW[runtime], timeout_ms: 300_000 })
    const answered = api.call(id, { ms: 120_000 })
    const running = await until(async () => (await api.jobs(id, '?status=running'))[0])
    const { result, duration } = running
    assert.deepEqual({ result, duration }, { result: null, duration: null })
    assert.equal((await api.cancel(running.id)).status, 200)
    assert.equal((await answered).id, running.id)
    const { id: later } = await api.accept(id, { ms: 120_000 }, { prefer: 'respond-async' })
    await until(async () => (await api.job(later)).status === 'running')
    assert.equal((await api.cancel(later)).status, 200)
    assert.deepEqual(await api.jobs(id, '?status=running'), [])
  })
}

const FAILING: readonly [string, string, number, number, string][] = [
  [
    'python',
    'def inner():\n    raise ValueError("no luck")\n\ndef handler(event):\n    return inner()',
    2,
    5,
    'ValueError',
  ],
  [
    'nodejs',
    'function inner() {\n  throw new RangeError("no luck")\n}\nfunction handler(event) {\n  return inner()\n}',
    2,
    9,
    'RangeError',
  ],
]

for (const [runtime, code, line, column, type] of FAILING) {
  test(`${runtime}: a failed run is a success of the API, with the place of the failure`, async () => {
    const id = await api.register({ runtime, code })
    const failed = await api.call(id)
    const { id: job, status, result, duration, error } = failed
    assert.deepEqual({ status, result }, { status: 'failed', result: null })
    assert.ok(typeof duration === 'number')
    assert.ok(error)
    assert.deepEqual(
      { code: error.code, message: error.message, type: error.type, line: error.line },
      { code: 'RUNTIME_ERROR', message: 'no luck', type, line },
    )
    assert.equal(error.column, column)
    assert.match(error.stack ?? '', /inner[^]*handler|handler[^]*inner/)
    assert.doesNotMatch(error.stack ?? '', /runner|node:internal|\/home|\/usr/)
    const stored = await api.job(job)
    assert.deepEqual(stored.error, error)
    assert.equal(stored.status, 'failed')
  })
}

test('a run past its time is failed with TIMEOUT', async () => {
  const id = await api.register({ code: SLOW.python, timeout_ms: 150 })
  const { status, error } = await api.call(id, { ms: 60_000 })
  assert.deepEqual({ status, code: error?.code }, { status: 'failed', code: 'TIMEOUT' })
})

test('an asynchronous run is accepted as pending and reaches its end', async () => {
  const id = await api.register({ execution_type: 'async' })
  const answer = await api.invoke(id, { n: 1 })
  assert.equal(answer.status, 202)
  const { id: job, status, result, duration, function_id } = jobOf(answer)
  assert.deepEqual(
    { status, result, duration, function_id },
    { status: 'pending', result: null, duration: null, function_id: id },
  )
  assert.equal(answer.headers.get('location'), `/jobs/${job}`)
  assert.equal(answer.headers.get('preference-applied'), null)
  const ended = await api.ended(job)
  assert.deepEqual([ended.status, ended.result], ['success', { n: 1 }])
  assert.equal(ended.timestamp, jobOf(answer).timestamp)
})

const PREFERENCES: readonly [string, number, number, string | null][] = [
  // the header, the status for a quick run, for a slow one, and what was applied
  ['respond-async', 202, 202, 'respond-async'],
  ['wait=20', 200, 200, 'wait=20'],
  ['wait=5', 200, 202, 'wait=5'],
  ['wait=0', 202, 202, 'wait=0'],
  ['respond-async, wait=20', 200, 200, 'respond-async, wait=20'],
  ['wait=5, respond-async', 200, 202, 'respond-async, wait=5'],
  ['Respond-Async; wait="20"', 200, 200, 'respond-async, wait=20'],
]

for (const execution_type of ['sync', 'async']) {
  for (const [prefer, quick, slow, applied] of PREFERENCES) {
    test(`an ${execution_type} function obeys Prefer: ${prefer}`, async () => {
      const fields = { code: SLOW.python, execution_type, timeout_ms: 300_000 }
      const id = await api.register(fields)
      // A process of its own is there when the seconds are counted.
      await api.call(id, { ms: 0 }, { prefer: 'wait=20' })
      for (const [ms, status] of [
        [0, quick],
        [120_000, slow],
      ] as const) {
        if (ms > 0 && slow === 200) continue
        const answer = await api.invoke(id, { ms }, { prefer })
        assert.equal(answer.status, status)
        assert.equal(answer.headers.get('preference-applied'), applied)
        const { id: job } = jobOf(answer)
        assert.equal(answer.headers.get('location'), status === 202 ? `/jobs/${job}` : null)
        assert.equal(jobOf(answer).status, status === 202 ? 'pending' : 'success')
        if (ms === 0) assert.deepEqual((await api.ended(job)).result, { ms })
        else assert.equal((await api.cancel(job)).status, 200)
      }
    })
  }
}

test('a preference that is not understood is ignored', async () => {
  const id = await api.register()
  for (const prefer of [
    'handling=strict',
    'wait',
    'wait=soon',
    'wait=-1',
    ';,=',
    'x'.repeat(500),
  ]) {
    const { status, headers } = await api.invoke(id, {}, { prefer })
    assert.deepEqual(
      { status, applied: headers.get('preference-applied') },
      { status: 200, applied: null },
    )
  }
})

test('what the code prints is kept with its stream and time', async () => {
  for (const [runtime, code] of [
    [
      'python',
      'import sys\ndef handler(event):\n    print("안녕")\n    print("oh", file=sys.stderr)',
    ],
    ['nodejs', 'function handler() { console.log("안녕"); console.error("oh") }'],
  ]) {
    const id = await api.register({ runtime, code })
    const { id: job, timestamp, result } = await api.call(id)
    assert.equal(result, null)
    interface Logs {
      logs: { stream: string; time: string; text: string }[]
      truncated: boolean
    }
    const { logs, truncated } = await api.data<Logs>(200, `/jobs/${job}/logs`)
    assert.deepEqual(
      new Set(logs.map(({ stream, text }) => `${stream} ${text.trim()}`)),
      new Set(['stdout 안녕', 'stderr oh']),
    )
    assert.equal(truncated, false)
    for (const { time } of logs) assert.ok(time >= timestamp)
  }
})
