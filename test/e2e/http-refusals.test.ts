/** What HTTP itself has to refuse: methods, unknown paths, and bytes that are no request. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { FunctionsApi, refusalOf, type Envelope } from './functions-api.ts'

let platform: TestPlatform
let api: FunctionsApi
let id: number
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
  id = await api.register()
})
after(() => platform.stop())

/** What the edge says to these bytes until it closes. */
async function speak(bytes: string): Promise<{ status: number; head: string; body: string }> {
  const [head = '', body = ''] = (await speakWhole(bytes)).split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), head, body }
}

async function speakWhole(bytes: string): Promise<string> {
  const { hostname, port } = new URL(platform.url)
  const socket = connect(Number(port), hostname)
  socket.write(bytes)
  return text(socket)
}

const ALLOWED: readonly [string, string][] = [
  ['/functions', 'GET, POST, HEAD, OPTIONS'],
  ['/functions/1', 'GET, PUT, DELETE, HEAD, OPTIONS'],
  ['/functions/1/invoke', 'POST, OPTIONS'],
  ['/functions/1/metrics', 'GET, HEAD, OPTIONS'],
  ['/functions/1/jobs', 'GET, HEAD, OPTIONS'],
  ['/functions/1/versions', 'GET, HEAD, OPTIONS'],
  ['/functions/1/versions/1', 'GET, HEAD, OPTIONS'],
  ['/jobs/1', 'GET, HEAD, OPTIONS'],
  ['/jobs/1/logs', 'GET, HEAD, OPTIONS'],
  ['/health', 'GET, HEAD, OPTIONS'],
  ['/ready', 'GET, HEAD, OPTIONS'],
  ['/metrics', 'GET, HEAD, OPTIONS'],
]

for (const [path, allow] of ALLOWED) {
  test(`${path} allows ${allow} and nothing else`, async () => {
    const others = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter(
      (method) => !allow.split(', ').includes(method),
    )
    for (const method of others) {
      const { status, headers, body } = await api.ask(path, { method })
      assert.equal(status, 405, method)
      assert.equal(headers.get('allow'), allow)
      const { code, details } = refusalOf(body)
      assert.equal(code, 'METHOD_NOT_ALLOWED')
      assert.equal(details['request_id'], headers.get('x-request-id'))
    }
  })
}

for (const path of ['/', '/function', '/functions/', '/functions/1/', '/functions/1/x', '/jobs']) {
  test(`there is nothing at ${path}`, async () => {
    const headers = { 'x-request-id': 'asked-at-nowhere' }
    const answer = await api.ask(path, { headers })
    assert.equal(answer.status, 404)
    const { code, details } = refusalOf(answer.body)
    assert.equal(code, 'NOT_FOUND')
    assert.equal(answer.headers.get('x-request-id'), 'asked-at-nowhere')
    assert.equal(details['request_id'], 'asked-at-nowhere')
  })
}

test('HEAD answers as GET does, without the body', async () => {
  for (const [path, status] of [
    [`/functions/${id}`, 200],
    ['/functions/900000000', 404],
    ['/nothing', 404],
  ] as const) {
    const response = await fetch(`${platform.url}${path}`, { method: 'HEAD' })
    assert.equal(response.status, status)
    assert.match(response.headers.get('content-type') ?? '', /json/)
    assert.equal(await response.text(), '')
  }
})

const HOSTS: readonly [string, number][] = [
  ['localhost', 200],
  ['LOCALHOST:1', 200],
  ['127.0.0.1:8000', 200],
  ['[::1]:8000', 200],
  ['api.lambda-microservice.example.com', 200],
  ['rebound.example', 403],
  ['127.0.0.1.rebound.example:8000', 403],
  ['localhost.rebound.example', 403],
  ['[', 400],
  ['localhost:port', 400],
  ['user@localhost', 400],
  ['', 400],
]

for (const [host, status] of HOSTS) {
  test(`a request to the host ${host || '(none)'} is ${status} on every route`, async () => {
    for (const path of ['/functions', '/health', '/metrics', '/nowhere']) {
      const answer = await until(async () => {
        const said = await speak(
          `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        )
        // Health of a busy machine may be bad for a moment.
        return said.status !== 503 && said
      })
      if (status === 200) {
        assert.equal(answer.status, path === '/nowhere' ? 404 : 200)
        continue
      }
      assert.equal(answer.status, status)
      const { code, details } = refusalOf(JSON.parse(answer.body) as Envelope)
      assert.equal(code, status === 403 ? 'FORBIDDEN' : 'INVALID_REQUEST')
      assert.ok(details['request_id'])
    }
  })
}

test('a request without a host is refused in the format of the surface', async () => {
  const answer = await speak('GET /functions HTTP/1.1\r\nConnection: close\r\n\r\n')
  assert.equal(answer.status, 400)
  assert.equal(refusalOf(JSON.parse(answer.body) as Envelope).code, 'INVALID_REQUEST')
})

const WHENCE: readonly [Readonly<Record<string, string>>, number][] = [
  [{ origin: 'https://page.example' }, 403],
  [{ origin: 'http://localhost.page.example' }, 403],
  [{ origin: 'http://127.0.0.1@page.example' }, 403],
  [{ origin: 'null' }, 403],
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ origin: 'http://localhost:8000', 'sec-fetch-site': 'same-origin' }, 200],
  [{ origin: 'http://[::1]:3000', 'sec-fetch-site': 'same-site' }, 200],
]

for (const [headers, status] of WHENCE) {
  test(`an invocation with ${JSON.stringify(headers)} is ${status}`, async () => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const head = `Host: localhost\r\nConnection: close\r\n${lines.join('')}`
    const { body, ...answer } = await speak(
      `POST /functions/${id}/invoke HTTP/1.1\r\n${head}Content-Length: 0\r\n\r\n`,
    )
    assert.equal(answer.status, status)
    if (status === 403) assert.equal(refusalOf(JSON.parse(body) as Envelope).code, 'FORBIDDEN')
    // A page may read what its browser lets it read.
    const read = await speak(`GET /functions/${id} HTTP/1.1\r\n${head}\r\n`)
    assert.equal(read.status, 200)
  })
}

test('a foreign page starts no job', async () => {
  const watched = await api.register()
  const headers = { origin: 'https://page.example' }
  const answer = await api.ask(`/functions/${watched}/invoke`, { json: {}, headers })
  assert.equal(answer.status, 403)
  assert.deepEqual(await api.jobs(watched), [])
})

const BROKEN: readonly [string, number, string][] = [
  ['no request line', 400, 'what is this\r\n\r\n'],
  ['a header without a colon', 400, 'GET / HTTP/1.1\r\nHost: localhost\r\nbroken\r\n\r\n'],
  [
    'two lengths',
    400,
    'POST /functions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
  ],
  [
    'a length and chunks at once',
    400,
    'POST /functions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'headers past 16 KiB',
    431,
    `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
  ],
  ['a URL past 16 KiB', 431, `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
]

for (const [what, status, bytes] of BROKEN) {
  test(`${what} is ${status} in the format of the surface`, async () => {
    const answer = await speak(bytes)
    assert.equal(answer.status, status, answer.head)
    assert.match(answer.head, /content-type: application\/json/i)
    const { code, details } = refusalOf(JSON.parse(answer.body) as Envelope)
    assert.equal(code, 'INVALID_REQUEST')
    assert.ok(details['request_id'])
  })
}

test('an expectation that nobody knows is no reason to answer otherwise', async () => {
  const ask = (path: string) =>
    speak(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\nX-Request-Id: hopeful\r\nConnection: close\r\n\r\n`,
    )
  const answers = [await ask(`/functions/${id}`), await ask('/nowhere')]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 404],
  )
  for (const { head } of answers) assert.match(head, /x-request-id: hopeful/i)
})

test('a body that breaks off takes nobody else with it', async () => {
  const { hostname, port } = new URL(platform.url)
  const socket = connect(Number(port), hostname)
  const head = `POST /functions/${id}/invoke HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json`
  socket.write(`${head}\r\nContent-Length: 100\r\n\r\n{"a":`)
  socket.destroySoon()
  assert.equal((await api.call(id, { still: 'here' })).status, 'success')
})

test('a refused body is not taken for the next request of its connection', async () => {
  const inner = 'GET /functions HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const head = 'POST /functions HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain'
  const next = 'GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
  const answer = await speakWhole(
    `${head}\r\nContent-Length: ${inner.length}\r\n\r\n${inner}${next}`,
  )
  assert.deepEqual(answer.match(/(?<=HTTP\/1\.1 )\d+/g), ['415', '404'])
})
