/** The limits of the lambda API document over HTTP: 10 a minute for an address that nobody knows. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { fetchJson } from '../support/fetch-json.ts'
import { startPlatform } from '../support/platform.ts'

const EXECUTE = '/api/v1/execute/0b5b6c1e-8a3c-4f9d-9d7b-3f0f2f0e6a11'
const ANONYMOUS_LIMIT = 10

test('after ten 401s an address hears 429, but not whoever is known there, and no preflight', async () => {
  await using platform = await startPlatform()
  const ask = (headers: Readonly<Record<string, string>> = {}) =>
    fetchJson(`${platform.url}${EXECUTE}`, { json: { params: {} }, headers })
  const origin = 'http://localhost:3000'
  for (let i = 0; i < ANONYMOUS_LIMIT; i++) {
    const preflight = await fetchJson(`${platform.url}${EXECUTE}`, {
      method: 'OPTIONS',
      headers: { origin },
    })
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers.get('access-control-allow-methods'), 'GET, POST, OPTIONS')
    // Nothing shown and something wrong shown count alike.
    const { status, headers } = await ask(i % 2 === 0 ? {} : { 'x-api-key': 'none-of-ours' })
    assert.equal(status, 401)
    assert.equal(headers.get('x-rate-limit-remaining'), String(ANONYMOUS_LIMIT - 1 - i))
  }
  const refused = await ask({ origin })
  assert.equal(refused.status, 429)
  const { error } = refused.body as { error: { code: string } }
  assert.equal(error.code, 'RATE_LIMITED')
  const retryAfterS = Number(refused.headers.get('retry-after'))
  assert.ok(retryAfterS >= 1 && retryAfterS <= 60)
  assert.equal(refused.headers.get('x-rate-limit-remaining'), '0')
  assert.equal(refused.headers.get('access-control-allow-origin'), origin)

  // The document counts executions, not the sessions that they are done in.
  const initialize = `${platform.url}/api/v1/initialize`
  const uncounted = await fetchJson(initialize, { json: {} })
  assert.equal(uncounted.status, 401)
  assert.equal(uncounted.headers.get('x-rate-limit-remaining'), null)

  const known = await ask({ 'x-api-key': platform.credentials.SLUICE_API_KEY })
  assert.equal(known.status, 404)
  assert.equal(known.headers.get('x-rate-limit-remaining'), '99')
})
