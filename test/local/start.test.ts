/** `npm start` as a stranger sees it: one ready line, an answer, an orderly end, the same data again. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { fetchJson } from '../support/fetch-json.ts'
import { launchProcess } from '../support/launched.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const PROCESSES = ['edge', 'handler', 'executor', 'projector']

interface Wrapped<T> {
  readonly success: boolean
  readonly data: T
}

test('what was registered before a stop is there after the next start', async () => {
  await using home = await tempDir('start')
  let id: number
  {
    await using launched = await launchProcess({ home: home.path })
    const { url } = (await launched.ready()) as { url: string }
    for (const name of PROCESSES) assert.ok(launched.find(name, 'ready'), `${name} is ready`)
    await until(async () => (await fetchJson(`${url}/health`)).status === 200)
    const created = await fetchJson<Wrapped<{ function_id: number }>>(`${url}/functions`, {
      json: {
        name: 'kept',
        runtime: 'nodejs',
        execution_type: 'sync',
        code: 'function handler(e) { return e }',
      },
    })
    assert.equal(created.status, 201, JSON.stringify(created.body))
    id = created.body.data.function_id

    launched.kill('SIGTERM')
    assert.deepEqual(await launched.exited, { code: 0, signal: null })
  }
  // It says that it is ready however quiet it has to be.
  await using launched = await launchProcess({ home: home.path, env: { LOG_LEVEL: 'error' } })
  const { url } = (await launched.ready()) as { url: string }
  const found = await fetchJson<Wrapped<{ name: string }>>(`${url}/functions/${id}`)
  assert.equal(found.status, 200, JSON.stringify(found.body))
  assert.equal(found.body.data.name, 'kept')
})
