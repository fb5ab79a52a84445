/** Whose request it is: its id and its trace, from HTTP to the run and to every event. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Envelope as Message } from '#events/envelope.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { readToEnd } from '#events/jetstream/read-to-end.ts'
import { EVENTS } from '#events/streams.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { FunctionsApi, freshName, PYTHON_ECHO } from './functions-api.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const CONTEXT = {
  python: 'def handler(event, context): return context',
  nodejs: 'function handler(event, context) { return context }',
}

let platform: TestPlatform
let api: FunctionsApi
let bus: Bus
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
  bus = await platform.openBus()
})
after(() => platform.stop())

/**
 * The events of a function and its jobs, as any subscriber may read them, but for the starts: on a
 * busy machine any run may take long enough to be told of.
 */
async function eventsOf(functionId: number): Promise<Message[]> {
  const filter_subjects = [`evt.function.${functionId}.*`, `evt.job.${functionId}.*`]
  const events: Message[] = []
  await readToEnd(bus, EVENTS, { filter_subjects }, (message) => {
    events.push(message.json<Message>())
  })
  return events.filter(({ type }) => type !== 'job.started')
}

test('a request id is echoed, and minted where there is none or a strange one', async () => {
  for (const path of ['/functions', '/functions/900000000', '/functions/x', '/nowhere']) {
    const given = { 'x-request-id': 'Order-66_b.7' }
    assert.equal(
      (await api.ask(path, { headers: given })).headers.get('x-request-id'),
      'Order-66_b.7',
    )
    for (const headers of [
      {},
      { 'x-request-id': 'with space' },
      { 'x-request-id': 'x'.repeat(129) },
    ]) {
      assert.match((await api.ask(path, { headers })).headers.get('x-request-id') ?? '', UUID)
    }
  }
})

test('one request id for many requests makes none of them another', async () => {
  const headers = { 'x-request-id': 'always-the-same' }
  const registering = Array.from({ length: 10 }, async () => {
    const json = { name: freshName(), runtime: 'python', code: PYTHON_ECHO, execution_type: 'sync' }
    const { function_id } = await api.data<{ function_id: number }>(201, '/functions', {
      json,
      headers,
    })
    return function_id
  })
  const ids = await Promise.all(registering)
  assert.equal(new Set(ids).size, 10)
  const [id = 0] = ids
  const json = { description: 'again' }
  for (const version of [2, 3, 4]) {
    const put = { method: 'PUT', json, headers }
    assert.deepEqual(await api.data(200, `/functions/${id}`, put), { function_id: id, version })
  }
  const jobs = new Set<number>()
  for (let n = 0; n < 10; n++) {
    const called = await api.call(id, n, headers)
    assert.equal(called.result, n)
    const accepted = await api.accept(id, n, { ...headers, prefer: 'respond-async' })
    assert.equal((await api.ended(accepted.id)).result, n)
    jobs.add(called.id).add(accepted.id)
  }
  assert.equal(jobs.size, 20)
})

for (const runtime of ['python', 'nodejs'] as const) {
  for (const execution_type of ['sync', 'async']) {
    test(`${runtime}, ${execution_type}: the caller's trace and id reach the run and its events`, async () => {
      const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
      const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
      const headers = { traceparent, 'x-request-id': `trace-${runtime}-${execution_type}` }
      const id = await api.register({ runtime, execution_type, code: CONTEXT[runtime] })
      const job = await api.call(id, {}, { ...headers, prefer: 'wait=120' })
      const context = job.result as Record<string, unknown>
      assert.match(String(context['traceparent']), new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
      assert.notEqual(context['traceparent'], traceparent)
      assert.equal(context['job_id'], job.id)
      assert.equal(context['function_id'], id)
      const end = (await eventsOf(id)).find(({ type }) => type === 'job.succeeded')
      assert.equal(end?.correlationid, headers['x-request-id'])
      assert.equal(end.traceparent?.split('-')[1], traceId)
    })
  }
}

test('a request without a trace, or with a broken one, starts its own', async () => {
  const id = await api.register({ code: CONTEXT.python })
  const seen = new Set<string>()
  for (const headers of [
    {},
    {},
    { traceparent: 'ff-what' },
    { traceparent: `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01` },
  ]) {
    const { result } = await api.call(id, {}, headers)
    const { traceparent } = result as { traceparent: string }
    assert.match(traceparent, /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/)
    seen.add(traceparent.split('-')[1] ?? '')
  }
  assert.equal(seen.size, 4)
})

test('every event of a function names the request that it came of', async () => {
  const correlated = (name: string) => ({ headers: { 'x-request-id': name } })
  const json = { name: freshName(), runtime: 'python', code: PYTHON_ECHO, execution_type: 'sync' }
  const request = { json, ...correlated('the-registration') }
  const { function_id: id } = await api.data<{ function_id: number }>(201, '/functions', request)
  await api.ask(`/functions/${id}`, { method: 'PUT', json: {}, ...correlated('the-change') })
  await api.call(id, {}, { 'x-request-id': 'the-call' })
  await api.ask(`/functions/${id}`, { method: 'DELETE', ...correlated('the-deletion') })
  const events = await eventsOf(id)
  assert.deepEqual(
    events.map(({ type, correlationid }) => [type, correlationid]),
    [
      ['function.registered', 'the-registration'],
      ['function.updated', 'the-change'],
      ['job.succeeded', 'the-call'],
      ['function.deleted', 'the-deletion'],
    ],
  )
  for (const event of events) {
    assert.equal(event.specversion, '1.0')
    assert.ok(event.id && event.source && event.causationid && event.traceparent)
    assert.equal(event.subject, String(id))
    assert.ok(!Number.isNaN(Date.parse(event.time)))
  }
})
