/** A run whose executor dies under it: tried again, and failed for good after the last attempt. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeadLetter } from '#events/letters.ts'
import { ATTEMPTS_MAX } from '#events/jobs.ts'
import { DEAD } from '#events/streams.ts'
import { startPlatform } from '#test/support/platform.ts'
import { until } from '#test/support/until.ts'
import { FunctionsApi } from './functions-api.ts'

const LONG = 'import time\ndef handler(event):\n    time.sleep(120)'

interface Attempted {
  readonly attempt: number
}

test('a job is tried three times, then failed and buried', async () => {
  await using platform = await startPlatform()
  const api = new FunctionsApi(platform.url)
  const id = await api.register({ code: LONG, execution_type: 'async', timeout_ms: 300_000 })
  const job = await api.accept(id)
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const running = async () => {
      const { status, attempt: at } = (await api.job(job.id)) as typeof job & Attempted
      return status === 'running' && at === attempt
    }
    await until(running, { what: `attempt ${attempt}` })
    await platform.kill('executor', 'SIGKILL')
  }
  const failed = async () => {
    const now = await api.job(job.id)
    return now.status === 'failed' && now
  }
  const end = await until(failed, { what: 'the end' })
  assert.equal(end.error?.code, 'ATTEMPTS_EXHAUSTED')
  assert.equal(end.duration, null)
  assert.equal((await api.metrics(id)).invocations.failed, 1)

  const bus = await platform.openBus()
  const last = { last_by_subj: `dead.COMMANDS.fn-${id}` }
  const letter = await until(() => bus.jsm.streams.getMessage(DEAD, last), { what: 'the letter' })
  const { data } = letter.json<DeadLetter>()
  assert.equal(data.subject, `cmd.job.run.python.${id}`)
  assert.match(data.payload ?? '', new RegExp(`"job_id":${job.id}\\b`))
})
