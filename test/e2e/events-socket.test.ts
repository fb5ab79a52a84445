/** Live events over a WebSocket: subscriptions, their ends, and what is refused. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { fetchJson } from '../support/fetch-json.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { bearer, tokenOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'
import { FunctionsApi } from './functions-api.ts'
import { SocketClient } from './socket-client.ts'

const PAGE = 'https://app.example'
const RECONNECTS = 10
/** Whoever is too busy to answer between two of them is hung up on, and this process may be busy. */
const EVENT_HEARTBEAT_MS = '3000'

let platform: TestPlatform
let api: FunctionsApi
let token: string
let headers: Readonly<Record<string, string>>
before(async () => {
  platform = await startPlatform({
    env: {
      ...{ AUTH: 'required', RATE_LIMITS: 'off', CORS_ORIGINS: PAGE },
      ...{ EVENT_HEARTBEAT_MS, MAX_EVENT_READERS_PER_OWNER: '20' },
    },
  })
  token = await tokenOf(platform, { subject: 'ada', scopes: ['admin'] })
  headers = bearer(token)
  api = new FunctionsApi(platform.url, headers)
})
after(() => platform.stop())

const open = () => SocketClient.open(platform.url, { headers })

describe('a subscription', () => {
  it('tells its events until it is given up, beside others', async () => {
    using client = await open()
    const id = await api.register()
    await client.subscribes('calls', { filter: { type: 'job.*', function_id: id } })
    await client.subscribes('all')
    await api.call(id, 'one')
    await until(() => client.events('calls').length === 1 && client.events('all').length >= 1)
    client.say({ type: 'unsubscribe', id: 'calls' })
    const { position } = await client.hears({ type: 'unsubscribed', id: 'calls' })
    assert.equal(position, client.events('calls')[0]?.seq)
    await api.call(id, 'two')
    await until(
      () =>
        client.events('all').at(-1)?.type === 'job.succeeded' && client.events('all').length >= 2,
    )
    assert.equal(client.events('calls').length, 1)

    await client.subscribes('again', { filter: { key: [String(id)] }, since: position })
    await until(() => client.events('again').length === 1)
    assert.deepEqual(client.events('again')[0], client.events('all').at(-1))
  })

  it('goes on behind a position through many connections under load, each event once', async () => {
    const id = await api.register()
    const filter = { type: ['job.succeeded'], function_id: id }
    const stopping = new AbortController()
    const clients = Array.from({ length: 3 }, async () => {
      while (!stopping.signal.aborted) await api.call(id)
    })
    const seen: number[] = []
    let since = 0
    for (let n = 0; n < RECONNECTS; n++) {
      using client = await open()
      await client.subscribes('s', { filter, since })
      await until(() => client.events('s').length >= 5)
      seen.push(...client.events('s').map(({ seq }) => seq))
      since = seen.at(-1) ?? 0
    }
    stopping.abort()
    await Promise.all(clients)
    const url = `${platform.url}/api/v1/events?type=job.succeeded&function_id=${id}&limit=100`
    const truth: number[] = []
    for (let from = 0, more = true; more && truth.length < seen.length;) {
      const { body } = await fetchJson<{
        data: { seq: number }[]
        next_since: number
        has_more: boolean
      }>(`${url}&since=${from}`, { headers })
      truth.push(...body.data.map(({ seq }) => seq))
      from = body.next_since
      more = body.has_more
    }
    assert.deepEqual(seen, truth.slice(0, seen.length))
  })

  it('tells how far it has come while it waits for something rare', async () => {
    using client = await open()
    const begun = await client.subscribes('rare', { filter: { type: 'session.closed' } })
    await api.call(await api.register())
    await until(() =>
      client.told.some(
        ({ type, id, position = 0 }) => type === 'position' && id === 'rare' && position > begun,
      ),
    )
  })
})

describe('a message', () => {
  const BAD: readonly [string, unknown, string, string | undefined][] = [
    ['that is no JSON', '{', 'INVALID_JSON', undefined],
    ['that is no object', '[]', 'INVALID_REQUEST', 'type'],
    ['of no kind', {}, 'INVALID_REQUEST', 'type'],
    ['of an unknown kind', { type: 'toString' }, 'INVALID_REQUEST', 'type'],
    ['without an id', { type: 'subscribe' }, 'INVALID_REQUEST', 'id'],
    ['with an unknown field', { type: 'ping', x: 1 }, 'INVALID_REQUEST', 'x'],
    [
      'with an ill-typed position',
      { type: 'subscribe', id: 'a', since: '1' },
      'INVALID_REQUEST',
      'since',
    ],
    [
      'with a position to come',
      { type: 'subscribe', id: 'a', since: 9e8 },
      'INVALID_REQUEST',
      'since',
    ],
    [
      'with a type that no event has',
      { type: 'subscribe', id: 'a', filter: { type: 'user.created' } },
      'INVALID_REQUEST',
      'type',
    ],
    ['about no subscription', { type: 'unsubscribe', id: 'nobody' }, 'NOT_FOUND', 'id'],
    ['with an id that is taken', { type: 'subscribe', id: 'taken' }, 'CONFLICT', 'id'],
  ]

  it('that is bad is answered with an error, and the next one is taken', async () => {
    using client = await open()
    await client.subscribes('taken')
    for (const [what, message, code, field] of BAD) {
      const errors = client.told.filter(({ type }) => type === 'error').length
      client.say(message)
      await until(() => client.told.filter(({ type }) => type === 'error').length > errors, {
        what,
      })
      const { error } = client.told.findLast(({ type }) => type === 'error') ?? {}
      assert.equal(error?.code, code, what)
      assert.equal((error?.details as { field?: string } | undefined)?.field, field, what)
    }
    client.say({ type: 'ping' })
    await client.hears({ type: 'pong' })
    assert.equal(client.closed, undefined)
  })

  it('that is bad again and again ends the connection', async () => {
    using client = await open()
    for (let n = 0; n < 30; n++) client.say('?')
    await until(() => client.closed)
    assert.equal(client.closed?.code, 1008)
    assert.equal(client.told.length, 20)
  })

  it('above 64 KiB or in binary ends the connection', async () => {
    using huge = await open()
    huge.say({ type: 'ping', x: 'x'.repeat(100_000) })
    await until(() => huge.closed)
    assert.equal(huge.closed?.code, 1009)
    using binary = await open()
    binary.socket.send(randomBytes(16))
    await until(() => binary.closed)
    assert.equal(binary.closed?.code, 1003)
  })

  it('one subscription too many is refused', async () => {
    using client = await open()
    for (let n = 0; n < 16; n++) await client.subscribes(`s${n}`)
    client.say({ type: 'subscribe', id: 'more' })
    assert.equal((await client.hears({ type: 'error', id: 'more' })).error?.code, 'RATE_LIMITED')
  })
})

describe('a client', () => {
  it('that goes before it is let in leaves no seat taken', async () => {
    const hasty = { owner: 'hasty', subject: 'hasty', scopes: ['admin' as const] }
    const { hostname, port } = new URL(platform.url)
    for (let n = 0; n < 60; n++) {
      // Known already, its token would be no wait.
      const fresh = await tokenOf(platform, { ...hasty, subject: `hasty-${n}` })
      const socket = connect(Number(port), hostname)
      await once(socket, 'connect')
      const lines = [
        'GET /api/v1/ws HTTP/1.1',
        'Host: localhost',
        `Authorization: Bearer ${fresh}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ]
      socket.write(`${lines.join('\r\n')}\r\n\r\n`)
      const goesAt = performance.now() + n * 0.05
      while (performance.now() < goesAt) await immediate()
      socket.resetAndDestroy()
      await once(socket, 'close')
    }
    const own = bearer(await tokenOf(platform, hasty))
    using stack = new DisposableStack()
    for (let n = 0; n < 20; n++) {
      await until(async () => stack.use(await SocketClient.open(platform.url, { headers: own })))
    }
  })
})

describe('a handshake', () => {
  const isProblem = (answer: Awaited<ReturnType<typeof SocketClient.refused>>, status: number) => {
    assert.equal(answer.status, status, JSON.stringify(answer.body))
    assert.match(answer.headers['content-type'] ?? '', /problem\+json/)
    assert.equal(answer.body['status'], status)
    assert.equal(answer.body['request_id'], answer.headers['x-request-id'])
  }

  it('without credentials, with wrong ones, or without the scope is refused', async () => {
    const { url } = platform
    isProblem(await SocketClient.refused(url), 401)
    isProblem(await SocketClient.refused(url, { headers: bearer('nobody') }), 401)
    const protocols = ['sluice.v1', 'sluice.bearer.nobody']
    isProblem(await SocketClient.refused(url, { protocols }), 401)
    const poor = await tokenOf(platform, { subject: 'ada', scopes: ['jobs:read'] })
    isProblem(await SocketClient.refused(url, { headers: bearer(poor) }), 403)
  })

  it('of a page has its credential among the protocols', async () => {
    const protocols = ['sluice.v1', `sluice.bearer.${token}`]
    using client = await SocketClient.open(platform.url, { protocols, headers: { origin: PAGE } })
    assert.equal(client.socket.protocol, 'sluice.v1')
    await client.subscribes('mine')
    await api.register()
    await until(() => client.events('mine').length > 0)
  })

  it('of another page is refused, and of our own is not', async () => {
    const evil = { ...headers, origin: 'https://evil.example' }
    isProblem(await SocketClient.refused(platform.url, { headers: evil }), 403)
    const own = { ...headers, origin: platform.url }
    using client = await SocketClient.open(platform.url, { headers: own })
    await client.subscribes('mine')
  })

  it('beyond the readers that an owner may have is refused', async () => {
    const opened: SocketClient[] = []
    try {
      // The seats of those who went before are not free until the edge has seen them go.
      for (let n = 0; n < 20; n++) opened.push(await until(open))
      isProblem(await SocketClient.refused(platform.url, { headers }), 429)
      const eve = bearer(await tokenOf(platform, { subject: 'eve', scopes: ['events:read'] }))
      using other = await SocketClient.open(platform.url, { headers: eve })
      await other.subscribes('mine')
    } finally {
      for (const client of opened) client[Symbol.dispose]()
    }
    await until(async () => {
      using client = await open()
      return client.socket.readyState === client.socket.OPEN
    })
  })

  it('that is none is told what is missing', async () => {
    const asked = await fetchJson<Record<string, unknown>>(`${platform.url}/api/v1/ws`, { headers })
    assert.equal(asked.status, 426)
    assert.equal(asked.headers.get('upgrade'), 'websocket')
    assert.equal(asked.body['code'], 'UPGRADE_REQUIRED')
    const lines = (more: string) =>
      `GET /api/v1/ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${headers['authorization']}\r\n` +
      `Connection: Upgrade\r\nUpgrade: websocket\r\n${more}\r\n`
    for (const more of [
      '',
      'Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
      'Sec-WebSocket-Version: 13\r\n',
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n',
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a,,a\r\n',
    ]) {
      const answer = await speak(lines(more))
      assert.match(answer, /^HTTP\/1\.1 400 /, more)
      assert.match(answer, /problem\+json/)
    }
    assert.match(await speak(lines('').replace('/api/v1/ws', '/nowhere')), /^HTTP\/1\.1 404 /)
  })
})

/** What the edge says to these bytes until it closes. */
async function speak(bytes: string): Promise<string> {
  const { hostname, port } = new URL(platform.url)
  const socket = connect(Number(port), hostname)
  socket.write(bytes)
  return text(socket)
}
