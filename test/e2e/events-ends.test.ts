/** Readers of events whom something happens to: others' events, a full buffer, a lost log, a stop. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { after, before, it } from 'node:test'
import { fetchJson } from '../support/fetch-json.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { startSecondEdge } from '../support/second-edge.ts'
import { bearer, tokenOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'
import { AccountsApi } from './accounts-api.ts'
import { EventReader } from './event-reader.ts'
import { FunctionsApi } from './functions-api.ts'
import { GraphqlReader } from './graphql-reader.ts'
import { SocketClient } from './socket-client.ts'

const IDLE_READERS = 200
/** Of one idle reader, on both of its ends' edge; more would be a leak. */
const BYTES_PER_READER_MAX = 100_000
/** Sockets and their buffers on both sides hold some megabytes. */
const FLOOD = 'x'.repeat(250_000)
const FLOODS = 80

let platform: TestPlatform
let adas: Readonly<Record<string, string>>
let ada: FunctionsApi
let eve: FunctionsApi
let eves: Readonly<Record<string, string>>
before(async () => {
  platform = await startPlatform({
    env: { AUTH: 'required', RATE_LIMITS: 'off', EVENT_HEARTBEAT_MS: '3000' },
  })
  adas = bearer(await tokenOf(platform, { subject: 'ada', scopes: ['admin'] }))
  eves = bearer(await tokenOf(platform, { subject: 'eve', scopes: ['admin'] }))
  ada = new FunctionsApi(platform.url, adas)
  eve = new FunctionsApi(platform.url, eves)
})
after(() => platform.stop())

const open = (headers = adas, query = '', url = platform.url) =>
  EventReader.open(url, { headers, query })

interface Page {
  readonly data: readonly { seq: number; type: string; data: { owner: string } }[]
  readonly next_since: number
  readonly has_more: boolean
}

async function logged(headers: typeof adas, query = ''): Promise<Page['data']> {
  const all: Page['data'][number][] = []
  for (let since = 0; ;) {
    const url = `${platform.url}/api/v1/events?since=${since}${query}`
    const { status, body } = await fetchJson<Page>(url, { headers })
    assert.equal(status, 200)
    all.push(...body.data)
    if (!body.has_more) return all
    since = body.next_since
  }
}

/** A client that asks for events and reads no answer. */
function deaf(url: string, headers: typeof adas): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.pause()
  socket.on('error', () => undefined)
  const authorization = `Authorization: ${headers['authorization']}`
  socket.write(
    `GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n${authorization}\r\n\r\n`,
  )
  return socket
}

it('an owner is shown their own events, and whoever may not read is told so', async () => {
  using hers = await open()
  using others = await open(eves)
  using socket = await SocketClient.open(platform.url, { headers: eves })
  await socket.subscribes('all', { since: 0 })
  const accounts = new AccountsApi(platform.url, (adas['authorization'] ?? '').slice(7))
  await accounts.createKey(['read:functions'])
  const [first, second] = await Promise.all([ada.register(), eve.register()])
  await Promise.all([ada.call(first), eve.call(second)])
  await until(() => hers.events.length === 2 && others.events.length === 2)
  await until(() => socket.events('all').length === 2)
  for (const [headers, owner] of [
    [adas, 'ada'],
    [eves, 'eve'],
  ] as const) {
    const events = await logged(headers)
    assert.deepEqual(new Set(events.map(({ data }) => data.owner)), new Set([owner]))
    for (const { type } of events) assert.doesNotMatch(type, /^(?:user|key|key-use|function-name)/)
  }
  using nothing = await open(eves, `?since=0&key=${first}`)
  await until(() => nothing.blocks.some(({ comment }) => comment === 'heartbeat'))
  assert.deepEqual(nothing.events, [])

  const poor = bearer(await tokenOf(platform, { subject: 'ada', scopes: ['jobs:read'] }))
  for (const accept of ['application/json', 'text/event-stream']) {
    for (const [headers, status] of [
      [{}, 401],
      [bearer('nobody'), 401],
      [poor, 403],
    ] as const) {
      const url = `${platform.url}/api/v1/events`
      const answer = await fetchJson(url, { headers: { ...headers, accept } })
      assert.equal(answer.status, status)
    }
  }
})

it('a reader that takes nothing is cut off, told where to go on, and delays nobody', async () => {
  const id = await ada.register()
  using other = await open(adas, `?key=${id}&type=job.*`)
  const slow = deaf(platform.url, adas)
  await once(slow, 'connect')
  const cuts = async () =>
    /^sluice_event_readers_cut_total\{[^}]*reason="slow"[^}]*\} (\d+)/m.exec(
      await (await fetch(`${platform.url}/metrics`)).text(),
    )?.[1]
  let called = 0
  for (; called < FLOODS && (await cuts()) === undefined; called++) await ada.call(id, FLOOD)
  await until(cuts, { what: 'the cut' })
  await until(() => other.events.length === called || other.isOver, {
    what: `${called} events at the other reader`,
  })
  assert.equal(other.cut, undefined)
  slow.resume()
  let text = ''
  slow.on('data', (piece: Buffer) => (text = (text + piece.toString('latin1')).slice(-400_000)))
  await until(() => slow.closed, { what: 'the end of the slow connection' })
  // What its socket still held ends with the last word, unless it was hung up on before.
  const [, last] = /event: cut\ndata: (.*)\n/.exec(text) ?? []
  if (last !== undefined) {
    const { reason, last_event_id } = JSON.parse(last) as Record<string, string>
    assert.equal(reason, 'slow')
    using again = await open(adas, `?key=${id}&type=job.*&since=${last_event_id}`)
    const missed = other.seqs.filter((seq) => seq > Number(last_event_id))
    await until(() => again.events.length === missed.length, {
      what: `${missed.length} events behind ${last_event_id}`,
    })
    assert.deepEqual(again.seqs, missed)
  }
})

it('many idle readers cost little', async (t) => {
  const rss = async () => {
    const status = await readFile(`/proc/${platform.processes['edge']}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1_024
  }
  const begun = await rss()
  const readers = await Promise.all(Array.from({ length: IDLE_READERS }, () => open()))
  const each = ((await rss()) - begun) / IDLE_READERS
  t.diagnostic(`${Math.round(each / 1_024)} KiB each`)
  const id = await ada.register()
  for (const reader of readers) {
    await until(() => reader.events.length === 1)
    assert.equal(reader.events[0]?.data?.['subject'], String(id))
    reader[Symbol.dispose]()
  }
  assert.ok(each < BYTES_PER_READER_MAX, `${each} bytes each`)
})

it('a log that goes away and comes back leaves no gap and no repeat', async () => {
  const id = await ada.register()
  using reader = await open(adas, `?key=${id}&type=job.succeeded`)
  using late = await open(adas, `?key=${id}&since=0&type=job.succeeded`)
  using socket = await SocketClient.open(platform.url, { headers: adas })
  await socket.subscribes('s', { filter: { key: id, type: 'job.succeeded' } })
  const stopping = new AbortController()
  const clients = Array.from({ length: 3 }, async () => {
    // Refused while the log is away.
    while (!stopping.signal.aborted) await ada.invoke(id)
  })
  for (let round = 0; round < 2; round++) {
    const before = reader.events.length
    await until(() => reader.events.length > before + 10)
    await platform.kill('nats-server')
    const there = reader.events.length
    await until(() => reader.events.length > there + 10)
  }
  stopping.abort()
  await Promise.all(clients)
  const truth = (await logged(adas, `&key=${id}&type=job.succeeded`)).map(({ seq }) => seq)
  const last = truth.at(-1) ?? 0
  await until(() => [reader, late].every(({ seqs }) => (seqs.at(-1) ?? 0) >= last))
  await until(() => (socket.events('s').at(-1)?.seq ?? 0) >= last)
  assert.deepEqual(reader.seqs, truth)
  assert.deepEqual(late.seqs, truth)
  assert.deepEqual(
    socket.events('s').map(({ seq }) => seq),
    truth,
  )
})

it('a stop ends every reader at once, who go on elsewhere', async () => {
  const id = await ada.register()
  const query = `?key=${id}&type=job.*`
  const edge = await startSecondEdge(platform, { AUTH: 'required' })
  using reader = await open(adas, query, edge.url)
  using socket = await SocketClient.open(edge.url, { headers: adas })
  await socket.subscribes('s', { filter: { key: id } })
  const idle = deaf(edge.url, adas)
  await once(idle, 'connect')
  await ada.call(id)
  await until(() => reader.events.length === 1 && socket.events('s').length === 1)
  assert.deepEqual(await edge.stop(), { code: 0, signal: null })
  await until(() => reader.isOver && socket.closed)
  const [seq] = reader.seqs
  assert.deepEqual(reader.cut?.data, { reason: 'stopping', last_event_id: reader.lastId })
  assert.equal(socket.closed?.code, 1001)
  assert.equal((await socket.hears({ type: 'cut', id: 's' })).reason, 'stopping')
  idle.destroy()
  await ada.call(id)
  using again = await open(adas, `${query}&since=${reader.lastId}`)
  await until(() => again.events.length === 1)
  assert.ok((again.seqs[0] ?? 0) > (seq ?? 0))
})

it('there are no more readers than the edge and their owner may have', async () => {
  await using edge = await startSecondEdge(platform, {
    ...{ AUTH: 'required', MAX_EVENT_READERS: '3', MAX_EVENT_READERS_PER_OWNER: '2' },
  })
  const readers = [await open(adas, '', edge.url), await open(adas, '', edge.url)]
  const refused = async (headers: typeof adas, status: number) => {
    const url = `${edge.url}/api/v1/events`
    const accept = { ...headers, accept: 'text/event-stream' }
    const answer = await fetchJson<{ code: string }>(url, { headers: accept })
    assert.equal(answer.status, status)
    assert.match(answer.headers.get('content-type') ?? '', /problem\+json/)
    assert.equal(answer.headers.get('retry-after'), '10')
  }
  await refused(adas, 429)
  readers.push(await open(eves, '', edge.url))
  await refused(eves, 503)
  readers.shift()?.[Symbol.dispose]()
  readers.push(await until(() => open(eves, '', edge.url)))
  for (const reader of readers) reader[Symbol.dispose]()
})

it('whose key is revoked are cut off, on every transport', async () => {
  const accounts = new AccountsApi(platform.url, (adas['authorization'] ?? '').slice(7))
  const key = await accounts.createKey(['events:read', 'jobs:read'])
  const headers = bearer(key.key)
  using stream = await open(headers)
  using socket = await SocketClient.open(platform.url, { headers })
  await socket.subscribes('all')
  const query = 'subscription { events { seq } }'
  using graph = await GraphqlReader.open(platform.url, { query, variables: {} }, headers)
  await accounts.revoke(key.id)
  await until(() => stream.cut !== undefined && socket.closed !== undefined)
  assert.equal(stream.cut?.data?.['reason'], 'unauthorized')
  assert.equal((await socket.hears({ type: 'cut', id: 'all' })).reason, 'unauthorized')
  assert.equal(socket.closed?.code, 4001)
  assert.equal(await graph.ended, true)
  assert.equal(graph.values.at(-1)?.errors?.[0]?.extensions?.details?.['reason'], 'unauthorized')
})
