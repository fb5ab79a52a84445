/** A store of large payloads without room: what was accepted still ends, and nothing runs twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPlatform } from '#test/support/platform.ts'
import { until } from '#test/support/until.ts'
import { FunctionsApi, type Job } from './functions-api.ts'

const STORE = 'OBJ_happenings'
const INPUT = 'x'.repeat(300_000)
/** The result is as large as the event says; it tells how often it has been run. */
const CODE = `
import time
def handler(event):
    time.sleep(0.3)
    return len(event["text"]) if event["short"] else event["text"]
`

test('jobs with large inputs end in a full store, and large results wait for room', async () => {
  await using platform = await startPlatform()
  const bus = await platform.openBus()
  const { streams } = bus.jsm
  const bound = async (max_bytes: number) => void (await streams.update(STORE, { max_bytes }))
  const api = new FunctionsApi(platform.url)
  const id = await api.register({ code: CODE, execution_type: 'async' })

  const { config } = await streams.info(STORE)
  // A run that began would store its input once more, and be in the way of the other's.
  const thaw = platform.freeze('executor')
  const short = await api.accept(id, { text: INPUT, short: true })
  const long = await api.accept(id, { text: INPUT, short: false })
  const { state } = await streams.info(STORE)
  await bound(state.bytes)
  thaw()
  const end = await api.ended(short.id)
  assert.deepEqual([end.status, end.result], ['success', INPUT.length])

  const isRunning = async () => (await api.job(long.id)).status === 'running'
  await until(isRunning, { what: 'the run with a large result' })
  await until(() => platform.lines.some((line) => line.includes('event_log_full')), {
    what: 'a word about the full log',
  })
  await bound(config.max_bytes)
  const late = await api.ended(long.id)
  assert.deepEqual([late.status, late.result], ['success', INPUT])
  assert.equal((late as Job & { attempt: number }).attempt, 1)
})
