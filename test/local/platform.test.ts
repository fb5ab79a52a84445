/** What the tests of everybody stand on: the whole platform, and any part of it killed. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { fetchJson } from '../support/fetch-json.ts'
import { startPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'

test('every part comes back when it is killed, at the same address', async () => {
  await using platform = await startPlatform()
  const healthy = async () => (await fetchJson(`${platform.url}/health`)).status === 200
  await until(healthy)
  for (const name of Object.keys(platform.processes)) {
    const pid = platform.processes[name]
    await platform.kill(name)
    await until(() => platform.processes[name] !== undefined && platform.processes[name] !== pid, {
      what: `another ${name}`,
    })
    await until(healthy, { what: `health after the end of ${name}` })
  }
  assert.equal(Object.keys(platform.processes).length, 6)
})
