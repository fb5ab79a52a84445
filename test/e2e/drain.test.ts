/** A stop under load: what was accepted is there after the next start, and ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { launchProcess } from '../support/launched.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'
import { FunctionsApi, type Answer, type Job } from './functions-api.ts'

const CLIENTS = 16
/** Longer than a stop may take. */
const LONG_S = 12
const LONG_CODE = 'import time\ndef handler(event):\n    time.sleep(event)\n    return event'
const CODE = 'import time\ndef handler(event):\n    time.sleep(0.02)\n    return event'

interface Accepted {
  readonly id: number
  readonly input: string
  /** Its end was in the answer. */
  readonly ended: boolean
}

test('SIGTERM under load loses no accepted job, and every one ends after the next start', async () => {
  await using home = await tempDir('home')
  const accepted: Accepted[] = []
  const refused: number[] = []
  let ids: readonly number[] = []
  let long: Job
  {
    await using platform = await launchProcess({ home: home.path })
    const api = new FunctionsApi(String((await platform.ready())['url']))
    ids = await Promise.all([
      api.register({ code: CODE }),
      api.register({ code: CODE, execution_type: 'async' }),
      api.register({ runtime: 'nodejs', execution_type: 'async' }),
    ])
    const slow = await api.register({ code: LONG_CODE, execution_type: 'async' })
    long = await api.accept(slow, LONG_S)
    const clients = Array.from({ length: CLIENTS }, (_, client) =>
      load(api, ids[client % ids.length] ?? 0, client, { accepted, refused }),
    )
    await until(() => accepted.length > 500)
    platform.kill('SIGTERM')
    await Promise.all(clients)
    assert.deepEqual(await platform.exited, { code: 0, signal: null })
  }
  for (const status of refused) assert.ok(status >= 500, `${status}`)

  await using platform = await launchProcess({ home: home.path })
  const api = new FunctionsApi(String((await platform.ready())['url']))
  for (const { id, input, ended } of accepted) {
    if (ended) assert.notEqual((await api.job(id)).status, 'pending')
    const job = await api.ended(id)
    assert.deepEqual([job.status, job.result], ['success', input])
  }
  // Handed back, and run once more.
  const { status, result } = await api.ended(long.id)
  assert.deepEqual([status, result], ['success', LONG_S])
  let total = 0
  for (const id of ids) total += (await api.metrics(id)).invocations.total
  assert.ok(total >= accepted.length)
  assert.equal(new Set(accepted.map(({ id }) => id)).size, accepted.length)
})

/** One request after another until the connection is refused. */
async function load(
  api: FunctionsApi,
  functionId: number,
  client: number,
  { accepted, refused }: { accepted: Accepted[]; refused: number[] },
): Promise<void> {
  for (let n = 0; ; n++) {
    const input = `${client}/${n}`
    let answer: Answer
    try {
      answer = await api.invoke(functionId, input)
    } catch {
      // The edge has closed: nothing was promised.
      return
    }
    const { status, body } = answer
    if (status >= 300) refused.push(status)
    else accepted.push({ id: (body.data as Job).id, input, ended: status === 200 })
  }
}
