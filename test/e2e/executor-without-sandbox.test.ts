/** An executor that cannot run code leaves the work alone, and costs no job an attempt. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COMMANDS, EVENTS } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'
import { startPlatform } from '#test/support/platform.ts'
import { tempDir } from '#test/support/temp-dir.ts'
import { until } from '#test/support/until.ts'
import { FunctionsApi } from './functions-api.ts'

const NO_SANDBOX = { SLUICE_BWRAP: '/bin/false' }

test('without a sandbox nothing is claimed, and what waits runs once there is one', async () => {
  await using home = await tempDir('home')
  let id = 0
  {
    await using platform = await startPlatform({ home: home.path })
    id = await new FunctionsApi(platform.url).register({ execution_type: 'async' })
  }
  const waiting: number[] = []
  {
    await using platform = await startPlatform({ home: home.path, env: NO_SANDBOX })
    const api = new FunctionsApi(platform.url)
    for (let n = 0; n < 5; n++) waiting.push((await api.accept(id, n)).id)
    const refusal = await api.refusal(503, '/functions', {
      method: 'POST',
      json: { name: 'f', runtime: 'python', code: 'def handler(e): pass', execution_type: 'sync' },
    })
    assert.match(refusal.message, /python runtime is unavailable/)
    const bus = await platform.openBus()
    const { delivered } = await until(async () => {
      const info = await bus.jsm.consumers.info(COMMANDS, `fn-${id}`)
      return info.num_pending === waiting.length && info
    })
    assert.equal(delivered.consumer_seq, 0)
  }
  await using platform = await startPlatform({ home: home.path })
  const api = new FunctionsApi(platform.url)
  for (const job of waiting) assert.equal((await api.ended(job)).status, 'success')
})

test('what lacks its runtime for long is handed back often and still runs', async () => {
  await using home = await tempDir('home')
  const env = { SLUICE_PYTHON: '/nonexistent' }
  let id = 0
  {
    await using platform = await startPlatform({ home: home.path })
    const api = new FunctionsApi(platform.url)
    id = await api.register({ code: 'def handler(event): return 1', execution_type: 'async' })
  }
  let job = 0
  {
    await using platform = await startPlatform({ home: home.path, env })
    const bus = await platform.openBus()
    const api = new FunctionsApi(platform.url)
    // As a durable of an older version has it, or one whose function has just changed its runtime.
    await bus.jsm.consumers.update(COMMANDS, `fn-${id}`, { metadata: { runtime: 'nodejs' } })
    job = (await api.accept(id, null)).id
    const deliveries = async () =>
      (await bus.jsm.consumers.info(COMMANDS, `fn-${id}`)).delivered.consumer_seq
    await until(async () => (await deliveries()) > 4, { what: 'hand-backs' })
    const events = await bus.jsm.streams.info(EVENTS, { subjects_filter: filters.jobEventsOf(id) })
    assert.deepEqual(events.state.subjects, { [`evt.job.${id}.returned`]: 1 })
  }
  await using platform = await startPlatform({ home: home.path })
  const ended = await new FunctionsApi(platform.url).ended(job)
  assert.deepEqual([ended.status, ended.result], ['success', 1])
})
