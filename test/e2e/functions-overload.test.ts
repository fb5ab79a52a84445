/** What the edge does when it is full: of requests whose clients have gone, or because the log is. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { FunctionsApi, freshName, PYTHON_ECHO, refusalOf } from './functions-api.ts'

const MAX_REQUESTS = 8
const MIB = 1024 ** 2

let platform: TestPlatform
let api: FunctionsApi
before(async () => {
  const env = { MAX_CONCURRENT_REQUESTS: String(MAX_REQUESTS), MAX_STREAM_BYTES: String(MIB) }
  platform = await startPlatform({ env })
  api = new FunctionsApi(platform.url)
})
after(() => platform.stop())

const metric = async (name: string) => {
  const text = await (await fetch(`${platform.url}/metrics`)).text()
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)`, 'm').exec(text)?.[1])
}

for (const [what, headers] of [
  ['calls', {}],
  ['waits', { prefer: 'wait=600' }],
] as const) {
  test(`${what} whose clients hang up make room at once, and their jobs go on`, async () => {
    const id = await api.register({ timeout_ms: 600_000 })
    const leaving = new AbortController()
    const request = { json: 3, headers, signal: leaving.signal }
    // Nothing ends before they leave, and nothing that could end makes room.
    const thaw = platform.freeze('executor')
    const asked = Array.from({ length: MAX_REQUESTS }, () =>
      api.ask(`/functions/${id}/invoke`, request).then(
        () => 'answered',
        () => 'left',
      ),
    )
    await until(async () => (await metric('sluice_http_requests_in_progress')) === MAX_REQUESTS)
    assert.equal((await api.ask('/functions')).status, 503)
    leaving.abort()
    assert.deepEqual(new Set(await Promise.all(asked)), new Set(['left']))
    await until(async () => (await api.ask('/functions')).status === 200)
    thaw()
    const isDone = async () => {
      const jobs = await api.jobs(id)
      return jobs.length === MAX_REQUESTS && jobs.every(({ status }) => status === 'success')
    }
    await until(isDone, { pollMs: 500 })
  })
}

test('an event that the store of large ones has no room for is 503', async () => {
  const id = await api.register()
  const answer = await api.invoke(id, 'x'.repeat(400_000))
  assert.equal(answer.status, 503, JSON.stringify(answer.body).slice(0, 500))
  assert.equal(refusalOf(answer.body).code, 'UNAVAILABLE')
  assert.ok(answer.headers.get('retry-after'))
})

test('a log that is nearly full takes nothing more, says so, and can still be read', async () => {
  const id = await api.register()
  const sync = await api.register()
  const refused = await until(
    async () => {
      const answer = await api.invoke(sync, 'x'.repeat(10_000))
      if (answer.status !== 200) return answer
      return undefined
    },
    { pollMs: 120, what: 'a refusal' },
  )
  assert.equal(refused.status, 503, JSON.stringify(refused.body))
  assert.deepEqual(refusalOf(refused.body).details['full'], ['EVENTS'])
  assert.ok(refused.headers.get('retry-after'))
  const definition = { runtime: 'python', code: PYTHON_ECHO, execution_type: 'sync' }
  for (const [path, request] of [
    ['/functions', { json: { ...definition, name: freshName() } }],
    [`/functions/${id}`, { method: 'PUT', json: { description: 'x' } }],
    [`/functions/${id}`, { method: 'DELETE' }],
    [`/functions/${id}/invoke`, { json: {}, headers: { prefer: 'respond-async' } }],
  ] as const) {
    assert.equal((await api.refusal(503, path, request)).code, 'UNAVAILABLE')
  }
  await api.data(200, `/functions/${id}`)
  assert.ok((await api.jobs(sync)).length > 0)
})
