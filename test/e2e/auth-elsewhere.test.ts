/** An address that others can reach: closed by default, entered by what the first start made. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import test from 'node:test'
import { launchProcess } from '../support/launched.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const EDGE = '../../apps/edge/main.ts'
const UNREACHABLE = { NATS_URL: 'nats://127.0.0.1:1', DATABASE_URL: 'postgres://127.0.0.1:1/none' }

async function statusOf(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  const sending = request(url, { headers, agent: false })
  sending.end()
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode ?? 0
}

test('npm start on all addresses wants credentials, by whatever name it is called', async () => {
  await using home = await tempDir('elsewhere')
  await using launched = await launchProcess({
    home: home.path,
    env: { HOST: '0.0.0.0', AUTH: '' },
  })
  const { url } = (await launched.ready()) as { url: string }
  const functions = `http://127.0.0.1:${new URL(url).port}/functions`
  const key = (await readFile(join(home.path, 'api.key'), 'utf8')).trim()
  for (const host of ['127.0.0.1', 'sluice.example', 'sluice.example:8443']) {
    const origin = `https://${host}`
    assert.equal(await statusOf(functions, { host, origin }), 401)
    assert.equal(await statusOf(functions, { host, origin, 'x-api-key': key }), 200)
    assert.equal(await statusOf(functions, { host, 'x-api-key': `${key}0` }), 401)
  }
})

const REFUSED: readonly [string, Readonly<Record<string, string>>, RegExp][] = [
  ['open on all addresses', { HOST: '0.0.0.0', AUTH: 'open' }, /AUTH=required.*HOST=127\.0\.0\.1/],
  [
    'closed to everybody',
    { AUTH: 'required', JWT_SECRET: '', JWKS_URL: '', SLUICE_API_KEY: '' },
    /JWT_SECRET.*JWKS_URL.*SLUICE_API_KEY/,
  ],
  ['with a secret that can be guessed', { JWT_SECRET: 'guess me' }, /JWT_SECRET has 8 bytes/],
]
for (const [what, env, message] of REFUSED) {
  test(`an edge ${what} does not start, and says how to`, async () => {
    await using home = await tempDir('elsewhere')
    await using launched = await launchProcess({
      main: EDGE,
      home: home.path,
      env: { ...UNREACHABLE, ...env },
    })
    assert.deepEqual(await launched.exited, { code: 1, signal: null })
    const { error } = (await until(() => launched.find('edge', 'failed'))) as {
      error: { code: string; message: string }
    }
    assert.equal(error.code, 'CONFIG_INVALID')
    assert.match(error.message, message)
    assert.doesNotMatch(error.message, /guess me/)
  })
}
