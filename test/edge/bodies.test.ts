/** Bodies as they come over a real connection: packed, cut off, given up; and what is held for them. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { readJson } from '../../apps/edge/http/body.ts'
import { Router } from '../../apps/edge/http/exchange.ts'
import { authDialect } from '../../apps/edge/surfaces/auth/dialect.ts'
import { unwatched as fetch } from '../support/documented.ts'
import { serveRoutes } from '../support/routes-server.ts'
import { until } from '../support/until.ts'

const PATH = '/api/v1/similarity/calculate'
const BYTES_MAX = 1024 ** 2
let server: Awaited<ReturnType<typeof serveRoutes>>

before(async () => {
  server = await serveRoutes({ maxBodyBytes: BYTES_MAX }, (routing) => {
    const router = new Router({ ...routing, dialect: authDialect })
    router.on(`POST ${PATH}`, async (exchange) => ({
      status: 200,
      body: JSON.stringify(await readJson(exchange)),
    }))
  })
})
after(() => server[Symbol.asyncDispose]())

const PACKED = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
const TEXT = Buffer.from(JSON.stringify({ content1: 'a b c', content2: 'ä 中 😀' }))

async function sent(body: Buffer) {
  const answered = await fetch(server.url + PATH, {
    ...{ method: 'POST', headers: PACKED, signal: AbortSignal.timeout(10_000) },
    body: new Uint8Array(body),
  })
  return [answered.status, await answered.text()] as const
}

/** All of it, since one packed body fills the room. */
const isGivenBack = () => {
  const { admission } = server
  const isFree = admission.current === 0 && admission.enter(BYTES_MAX)
  if (isFree) admission.leave(BYTES_MAX)
  return isFree
}

describe('a packed body', () => {
  it('is read whole, of one member or of several', async () => {
    const members = [TEXT.subarray(0, 9), TEXT.subarray(9)].map((part) => gzipSync(part))
    for (const body of [gzipSync(TEXT), Buffer.concat(members)]) {
      assert.deepEqual(await sent(body), [200, TEXT.toString()])
    }
  })

  it('that is no gzip, or not all of it, or too much, is refused, and its room given back', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * BYTES_MAX, 0x20))
    const bad: readonly (readonly [Buffer, number])[] = [
      [TEXT, 400],
      [gzipSync(TEXT).subarray(0, -4), 400],
      [Buffer.concat([gzipSync(TEXT), Buffer.from('and more')]), 400],
      [Buffer.concat([gzipSync(TEXT), Buffer.alloc(BYTES_MAX / 2, 7)]), 400],
      [bomb, 413],
      [Buffer.concat([bomb, bomb, bomb]), 413],
    ]
    for (const [body, status] of bad) {
      const [answered, text] = await sent(body)
      assert.equal(answered, status, text)
      await until(isGivenBack)
    }
    assert.equal((await sent(gzipSync(TEXT)))[0], 200)
  })

  it('with nothing but noughts behind it is that body, and the connection goes on', async () => {
    for (const noughts of [8, BYTES_MAX / 2]) {
      assert.deepEqual(await sent(Buffer.concat([gzipSync(TEXT), Buffer.alloc(noughts)])), [
        200,
        TEXT.toString(),
      ])
      await until(isGivenBack)
    }
  })

  it('that its client gives up half-way leaves nothing held', async () => {
    const body = gzipSync(TEXT)
    for (let i = 0; i < 3; i++) {
      const socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => undefined) // It is we who break it.
      socket.write(
        `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
          `Content-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`,
      )
      socket.write(body.subarray(0, 20))
      await until(() => server.admission.current === 1)
      assert.equal((await sent(gzipSync(TEXT)))[0], 503)
      socket.destroy()
      await until(isGivenBack)
    }
    assert.equal((await sent(gzipSync(TEXT)))[0], 200)
  })
})
