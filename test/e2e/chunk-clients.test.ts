/**
 * The clients of `test/examples`, each against a real platform behind a line that is bad at first:
 * the first attempt is refused for now, the second one is cut off after it was done.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { freePort } from '../../apps/local/free-port.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'

const run = promisify(execFile)
const CLIENTS = {
  Python: ['python3', 'test/examples/chunks.py'],
  TypeScript: [process.execPath, 'test/examples/chunks.ts'],
  cURL: ['sh', 'test/examples/chunks.sh'],
} as const
const BATCH = '/api/v1/batch/analyze'

interface Attempt {
  readonly path: string
  readonly key: string | undefined
}

let platform: TestPlatform
let attempts: Attempt[]
const line = createServer((incoming, outgoing) => {
  pass(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error))
})
before(async () => {
  platform = await startPlatform({ env: { AUTH: 'required' } })
  line.listen(0, '127.0.0.1')
  await once(line, 'listening')
})
beforeEach(() => {
  attempts = []
})
after(async () => {
  line.closeAllConnections()
  line.close()
  await platform.stop()
})

async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { method, url = '', headers } = incoming
  const path = url.split('?', 1)[0] ?? ''
  attempts.push({ path, key: headers['idempotency-key'] as string | undefined })
  const body = await buffer(incoming)
  if (attempts.length === 1) {
    outgoing.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' })
    return void outgoing.end(JSON.stringify({ code: 'ServiceUnavailable', message: 'not now' }))
  }
  const asking = request(`${platform.url}${url}`, { method, headers })
  asking.end(body)
  const [answer] = (await once(asking, 'response')) as [IncomingMessage]
  const answered = await buffer(answer)
  if (attempts.length === 2) return void incoming.socket.destroy()
  outgoing.writeHead(answer.statusCode ?? 0, answer.headers)
  outgoing.end(answered)
}

for (const [name, [file, ...args]] of Object.entries(CLIENTS)) {
  test(`the client in ${name} gets its answers over a bad line, and does nothing twice`, async () => {
    const { port } = line.address() as AddressInfo
    const env = {
      ...process.env,
      SLUICE_URL: `http://127.0.0.1:${port}`,
      SLUICE_API_KEY: platform.credentials.SLUICE_API_KEY,
    }
    const { stdout } = await run(file, args, { env })
    const answers = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as Answer)
    assert.equal(answers.length, 4)
    const [batch, similarity, listed, refused] = answers
    assert.deepEqual([batch?.processed, batch?.failed], [2, 0])
    assert.equal(similarity?.method, 'jaccard')
    const found = batch?.results?.flatMap(({ optimizations }) => optimizations) ?? []
    assert.equal(listed?.pagination?.total, found.length)
    assert.equal(refused?.code, 'ValidationError')

    const [first, second, third, ...others] = attempts
    assert.deepEqual([first?.path, second?.path, third?.path], [BATCH, BATCH, BATCH])
    assert.ok(first?.key)
    assert.equal(new Set([first, second, third].map((attempt) => attempt?.key)).size, 1)
    // What is wrong is not asked again.
    assert.deepEqual(
      others.map(({ path }) => path),
      ['/api/v1/similarity/calculate', '/api/v1/optimizations', '/api/v1/chunks/analyze'],
    )
  })
}

/** That of cURL is curl's own to say. */
for (const name of ['Python', 'TypeScript'] as const) {
  const [file, ...args] = CLIENTS[name]
  test(`the client in ${name} that nobody answers says so in its last line, and fails`, async () => {
    const env = { ...process.env, SLUICE_URL: `http://127.0.0.1:${await freePort()}` }
    const failed = await run(file, args, { env }).catch((error: unknown) => error as Failed)
    assert.equal(failed.stdout, '')
    assert.ok('code' in failed && failed.code > 0)
    assert.match(failed.stderr.trim().split('\n').at(-1) ?? '', /127\.0\.0\.1.*(refused|connect)/i)
    assert.doesNotMatch(failed.stderr, /Traceback|^ +at /m)
  })
}

interface Failed {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

interface Answer {
  readonly processed?: number
  readonly failed?: number
  readonly results?: readonly { readonly optimizations: readonly object[] }[]
  readonly method?: string
  readonly pagination?: { readonly total: number }
  readonly code?: string
}
