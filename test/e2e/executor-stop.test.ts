/** A stop in the middle of a run: the executor gets the time to hand it back, and says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EVENTS } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { startPlatform } from '#test/support/platform.ts'
import { tempDir } from '#test/support/temp-dir.ts'
import { until } from '#test/support/until.ts'
import { FunctionsApi, type Job } from './functions-api.ts'

/** Longer than a stop may take, but only at first. */
const CODE = `
import time
def handler(event, context):
    if context["attempt"] == 1:
        time.sleep(60)
    return context["attempt"]
`

test('a stopped platform hands running jobs back at once, also while a call holds the edge', async () => {
  await using home = await tempDir('home')
  let id = 0
  let job: Job
  {
    await using platform = await startPlatform({ home: home.path })
    const api = new FunctionsApi(platform.url)
    id = await api.register({ code: CODE, execution_type: 'async', timeout_ms: 120_000 })
    const called = await api.register({ code: CODE, timeout_ms: 120_000 })
    job = await api.accept(id)
    const calling = api.invoke(called).catch(() => undefined)
    const isRunning = async () =>
      (await api.job(job.id)).status === 'running' && (await api.jobs(called)).length === 1
    await until(isRunning, { what: 'the runs' })
    await platform.stop()
    await calling
    const drained = () =>
      platform.lines.some((line) => /"executor".*"event":"stopped".*"code":0/.test(line))
    await until(drained, { timeoutMs: 5_000, what: 'an executor that was not killed' })
  }
  await using platform = await startPlatform({ home: home.path })
  const bus = await platform.openBus()
  const returned = await bus.jsm.streams.getMessage(EVENTS, {
    last_by_subj: subjects.jobEvent(id, 'returned'),
  })
  assert.equal(returned?.header.get('Nats-Msg-Id'), `job:${job.id}:return:1`)
  const end = await new FunctionsApi(platform.url).ended(job.id)
  assert.deepEqual([end.status, end.result], ['success', 2])
})
