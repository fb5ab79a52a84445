/** Live events over HTTP: what is shown, from where on, and how a reader goes on elsewhere. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fetchJson } from '../support/fetch-json.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { EventReader } from './event-reader.ts'
import { FunctionsApi } from './functions-api.ts'

const RECONNECTS = 25
const CLIENTS = 4
/** Events above 256 KiB lie in the object store; above 1 MiB a stream leaves their data out. */
const LARGE = 'x'.repeat(300_000)
const HUGE = 'x'.repeat(700_000)

interface Shown {
  readonly seq: number
  readonly type: string
  readonly subject: string
  readonly data: Readonly<Record<string, unknown>>
  readonly payload?: { readonly bytes: number; readonly href: string }
}

interface Page {
  readonly data: readonly Shown[]
  readonly next_since: number
  readonly has_more: boolean
}

let platform: TestPlatform
let api: FunctionsApi
before(async () => {
  platform = await startPlatform({ env: { EVENT_HEARTBEAT_MS: '3000', RATE_LIMITS: 'off' } })
  api = new FunctionsApi(platform.url)
})
after(() => platform.stop())

const open = (query = '', headers = {}) => EventReader.open(platform.url, { query, headers })

async function page(query: string): Promise<Page> {
  const { status, body } = await fetchJson<Page>(`${platform.url}/api/v1/events${query}`)
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

async function refused(query: string, headers = {}): Promise<Readonly<Record<string, unknown>>> {
  const url = `${platform.url}/api/v1/events${query}`
  const {
    status,
    headers: answered,
    body,
  } = await fetchJson<Record<string, unknown>>(url, { headers })
  assert.equal(status, 400, JSON.stringify(body))
  assert.match(answered.get('content-type') ?? '', /problem\+json/)
  return body['details'] as Record<string, unknown>
}

/** All that the log shows behind a position, but for the starts of jobs: a reader shows none. */
async function logged(since: number, query = ''): Promise<Shown[]> {
  const all: Shown[] = []
  for (let from = since; ;) {
    const { data, next_since, has_more } = await page(`?since=${from}&limit=7${query}`)
    assert.ok(data.length <= 7)
    all.push(...data.filter(({ type }) => type !== 'job.started'))
    if (!has_more) return all
    assert.ok(next_since > from)
    from = next_since
  }
}

describe('a stream', () => {
  it('shows what happens from now on, and nothing that is nobody’s', async () => {
    const before = await api.register()
    using reader = await open()
    const id = await api.register()
    await api.call(id, { n: 1 })
    await api.remove(id)
    await until(() => reader.types.includes('function.deleted'))
    assert.deepEqual(reader.types, ['function.registered', 'job.succeeded', 'function.deleted'])
    const [registered, succeeded] = reader.events
    assert.equal(registered?.data?.['subject'], String(id))
    assert.notEqual(id, before)
    assert.equal(succeeded?.data?.['seq'], Number(succeeded?.id))
    assert.deepEqual((succeeded?.data?.['data'] as Shown['data'])['result'], { n: 1 })
    assert.match(reader.response.headers.get('content-type') ?? '', /^text\/event-stream/)
    assert.equal(reader.response.headers.get('cache-control'), 'no-store')
  })

  it('is of the types, the functions and the jobs that were asked for', async () => {
    const [one, other] = [await api.register({ execution_type: 'async' }), await api.register()]
    using ends = await open('?type=job.succeeded,job.failed')
    using jobs = await open(`?type=job.*&function_id=${one}`)
    using functions = await open(`?type=function.*&key=${one},${other}`)
    const { id: job } = await api.accept(one)
    using ofJob = await open(`?job_id=${job}&since=0`)
    await api.call(other)
    await api.ended(job)
    await api.remove(one)
    await api.remove(other)
    await until(() => ends.events.length === 2 && functions.events.length === 2)
    assert.deepEqual(new Set(ends.types), new Set(['job.succeeded']))
    await until(() => jobs.types.includes('job.succeeded') && ofJob.types.includes('job.succeeded'))
    assert.equal(jobs.types.at(-1), 'job.succeeded')
    assert.ok(jobs.events.every(({ data }) => data?.['subject'] === String(one)))
    assert.deepEqual(ofJob.seqs, jobs.seqs)
    assert.deepEqual(functions.types, ['function.deleted', 'function.deleted'])
    assert.deepEqual(
      (await logged(0, `&function_id=${one}`)).map(({ type }) => type),
      ['function.registered', ...jobs.types, 'function.deleted'],
    )
  })

  it('beats, and tells with that how far it has come', async () => {
    using reader = await open('?type=session.closed')
    await api.call(await api.register())
    const [newest] = (await logged(0)).slice(-1)
    await until(() => Number(reader.lastId) >= (newest?.seq ?? Infinity))
    assert.deepEqual(reader.events, [])
    assert.ok(reader.blocks.some(({ comment }) => comment === 'heartbeat'))
  })

  it('goes on behind the last event through many reconnections under load, each event once', async () => {
    const id = await api.register()
    const since = (await logged(0)).at(-1)?.seq ?? 0
    const stopping = new AbortController()
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!stopping.signal.aborted) await api.call(id)
    })
    const seen: number[] = []
    let last = String(since)
    for (let n = 0; n < RECONNECTS; n++) {
      using reader = await open(`?type=job.*&since=0`, { 'last-event-id': last })
      await until(() => reader.events.length >= 5)
      seen.push(...reader.seqs)
      last = reader.lastId ?? last
    }
    stopping.abort()
    await Promise.all(clients)
    const truth = (await logged(since, '&type=job.*')).map(({ seq }) => seq)
    using rest = await open(`?type=job.*&last_event_id=${last}`)
    await until(() => seen.length + rest.seqs.length >= truth.length)
    assert.deepEqual([...seen, ...rest.seqs], truth)
    assert.ok(truth.length >= 5 * RECONNECTS)
  })

  it('tells a large event whole, and of a huge one where to find it', async () => {
    const id = await api.register()
    using reader = await open(`?key=${id}&type=job.*`)
    const since = reader.lastId
    await api.call(id, LARGE)
    await api.call(id, HUGE)
    await until(() => reader.events.length === 2)
    const [large, huge] = reader.events.map(({ data }) => data as unknown as Shown)
    assert.equal(large?.data['result'], LARGE)
    assert.equal(huge?.data, undefined)
    assert.equal(huge?.type, 'job.succeeded')
    assert.ok((huge?.payload?.bytes ?? 0) > 1024 ** 2)
    const { body } = await fetchJson<Page>(`${platform.url}${huge?.payload?.href}`)
    assert.equal(body.data[0]?.seq, huge?.seq)
    assert.equal(body.data[0]?.data['result'], HUGE)
    // From the log as from its end.
    using again = await open(`?key=${id}&type=job.*&since=${since}`)
    await until(() => again.events.length === 2)
    assert.deepEqual(again.events, reader.events)
  })

  it('is one for pages of allowed origins', async () => {
    for (const [origin, allowed] of [
      ['http://localhost:5173', 'http://localhost:5173'],
      ['https://evil.example', null],
    ] as const) {
      using reader = await open('', { origin })
      assert.equal(reader.response.headers.get('access-control-allow-origin'), allowed)
    }
    const { status, headers } = await fetchJson(`${platform.url}/api/v1/events`, {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:5173' },
    })
    assert.equal(status, 204)
    assert.match(headers.get('access-control-allow-headers') ?? '', /Last-Event-ID/)
  })

  it('has a head, which keeps nothing open', async () => {
    const headers = { accept: 'text/event-stream' }
    const response = await fetch(`${platform.url}/api/v1/events`, { method: 'HEAD', headers })
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/)
    const metrics = async () => (await fetch(`${platform.url}/metrics`)).text()
    await until(async () => /^sluice_event_readers\{.*process="edge".*\} 0$/m.test(await metrics()))
  })
})

describe('what is mistyped is refused', () => {
  const CASES: readonly [string, string][] = [
    ['?type=job.succeded', 'type'],
    ['?type=job', 'type'],
    ['?type=user.created', 'type'],
    ['?type=key.*', 'type'],
    ['?type=', 'type'],
    ['?key=a%20b', 'key'],
    ['?function_id=one', 'function_id'],
    ['?function_id=1&key=1', 'function_id'],
    ['?job_id=0', 'job_id'],
    ['?since=-1', 'since'],
    ['?since=1e3', 'since'],
    ['?since=9007199254740993', 'since'],
    ['?last_event_id=x', 'last_event_id'],
    ['?limit=0', 'limit'],
    ['?limit=101', 'limit'],
    ['?types=job.*', 'types'],
  ]
  for (const [query, field] of CASES) {
    it(query, async () => {
      assert.equal((await refused(query))['field'], field)
      assert.equal((await refused(query, { accept: 'text/event-stream' }))['field'], field)
    })
  }

  it('a position that the log has not come to', async () => {
    for (const accept of ['application/json', 'text/event-stream']) {
      assert.equal((await refused('?since=900000000', { accept }))['field'], 'since')
    }
  })
})
