/** Dead letters: looked at, put back as new work, thrown away. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { headers as newHeaders } from '@nats-io/nats-core'
import { AckPolicy } from '@nats-io/jetstream'
import { envelope } from '#events/envelope.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { ATTEMPTS_MAX, jobMessageId } from '#events/jobs.ts'
import { COMMANDS } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { fetchJson, type JsonRequest } from '../support/fetch-json.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { FunctionsApi, type Job } from './functions-api.ts'
import { keyed } from './keyed.ts'

interface Letter {
  readonly id: number
  readonly stream: string
  readonly consumer: string
  readonly subject: string
  readonly code: string
  readonly deliveries: number
  readonly reason: string
  readonly redriven: { readonly job_id: number | null; readonly times: number } | null
  readonly payload?: string | null
}

const PATH = '/api/v1/dead-letters'
const SOURCE = 'def handler(event):\n    return event'

let platform: TestPlatform
let bus: Bus
let api: FunctionsApi
before(async () => {
  platform = await startPlatform()
  bus = await platform.openBus()
  api = new FunctionsApi(platform.url)
})
after(() => platform.stop())

async function ask<T>(status: number, path: string, request: JsonRequest = {}): Promise<T> {
  const answer = await fetchJson<T>(`${platform.url}${path}`, request)
  assert.equal(answer.status, status, `${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}

const list = (query = '') =>
  ask<{ dead_letters: Letter[]; next: number | null }>(200, `${PATH}${query}`)
const redrive = (id: number, json?: object) =>
  ask<{ id: number; job_id: number | null; times: number }>(200, `${PATH}/${id}/redrive`, {
    method: 'POST',
    ...(json && { json }),
  })

/** The first letter of a function's own durable. */
const letterOf = (functionId: number) =>
  until(async () => (await list(`?stream=COMMANDS&consumer=fn-${functionId}`)).dead_letters[0])

const publish = (subject: string, id: string, body: string) =>
  bus.js.publish(subject, body, { msgID: id, headers: newHeaders() })

/** A run command that no consumer of the house minds, as one of a function that is gone. */
const command = (functionId: number, jobId: number, input: unknown = {}) =>
  JSON.stringify({
    ...{ specversion: '1.0', id: `job:${jobId}:run`, source: 'test', type: 'job.run', version: 1 },
    ...{ time: new Date().toISOString(), subject: String(functionId), correlationid: 'test' },
    data: {
      ...{ job_id: jobId, function_id: functionId, function_version: 1, definition_seq: 999_999 },
      ...{ runtime: 'python', owner: 'local', input, accepted_at: new Date().toISOString() },
    },
  })

/** A letter whose message can be read, but not be run: its version is nowhere. */
async function buried(jobId: number, input: unknown): Promise<{ id: number; letter: Letter }> {
  const id = await api.register({ execution_type: 'async' })
  const body = command(id, jobId, input)
  await publish(subjects.runJob('python', id), jobMessageId.run(jobId), body)
  return { id, letter: await letterOf(id) }
}

test('an exhausted job stays failed, and its work is done by a new one', async () => {
  const code = 'import time\ndef handler(event):\n    time.sleep(120)'
  const id = await api.register({ code, execution_type: 'async', timeout_ms: 300_000 })
  const job = await api.accept(id)
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const running = async () => {
      const now = (await api.job(job.id)) as Job & { attempt: number }
      return now.status === 'running' && now.attempt === attempt
    }
    await until(running, { what: `attempt ${attempt}` })
    await platform.kill('executor', 'SIGKILL')
  }
  await until(async () => (await api.job(job.id)).status === 'failed')
  const letter = await letterOf(id)
  assert.equal(letter.code, 'ATTEMPTS_EXHAUSTED')
  const whole = await ask<Letter>(200, `${PATH}/${letter.id}`)
  assert.match(whole.payload ?? '', new RegExp(`"job_id":${job.id}\\b`))

  await api.change(id, { code: SOURCE })
  const { job_id } = await redrive(letter.id)
  assert.ok(job_id !== null && job_id !== job.id)
  const made = (await api.ended(job_id)) as Job & { redriven_from: number }
  assert.deepEqual([made.status, made.redriven_from], ['success', job.id])
  assert.equal((await api.job(job.id)).status, 'failed')
  const explained = await api.data<{ chain: { redriven_from?: number }[] }>(
    200,
    `/jobs/${job_id}/explain`,
  )
  assert.equal(explained.chain[0]?.redriven_from, job.id)
})

test('a letter is redriven once, unless it is asked for again', async () => {
  const { id, letter } = await buried(800_001, { n: 1 })
  const all = await Promise.all(
    Array.from({ length: 10 }, () =>
      fetchJson<{ job_id: number }>(`${platform.url}${PATH}/${letter.id}/redrive`, {
        method: 'POST',
      }),
    ),
  )
  const jobIds = new Set(all.filter(({ status }) => status === 200).map((one) => one.body.job_id))
  assert.equal(jobIds.size, 1)
  assert.deepEqual(
    [...new Set(all.map(({ status }) => status))].filter((s) => s !== 200 && s !== 409),
    [],
  )
  const first = await redrive(letter.id)
  assert.ok(jobIds.has(first.job_id ?? 0))
  const second = await redrive(letter.id, { again: true })
  assert.equal(second.times, 2)
  const done = await api.ended(second.job_id ?? 0)
  assert.deepEqual(done.result, { n: 1 })
  assert.equal((await api.jobs(id)).length, 3)
  assert.deepEqual((await letterOf(id)).redriven?.times, 2)
})

test('a command that nobody can read is said again as it was', async () => {
  const body = '{"data":'
  await publish(subjects.command('function.update'), 'nonsense:1', body)
  const first = await until(async () => (await list('?consumer=handler')).dead_letters[0])
  assert.equal(first.code, 'UNREADABLE')
  assert.equal((await redrive(first.id)).job_id, null)
  const letters = () => list('?consumer=handler&code=UNREADABLE')
  await until(async () => (await letters()).dead_letters.length === 2)
  await redrive(first.id)
  assert.equal((await ask<Letter>(200, `${PATH}/${first.id}`)).payload, body)
  assert.equal((await letters()).dead_letters.length, 2)
})

test('a command that is past its deadline is decided when it is put back', async () => {
  for (const comment of ['short', 'x'.repeat(300_000)]) {
    const id = await api.register()
    const name = `late-${id}`
    const said = { source: 'test', time: new Date().toISOString(), cause: { correlationid: name } }
    const changes = { code: `# ${comment}\n${SOURCE}` }
    // Whoever asked for it has been told that it failed.
    const deadline = new Date(Date.now() - 1).toISOString()
    const late = envelope(said, {
      ...{ id: name, type: 'function.update', subject: String(id) },
      data: { function_id: id, owner: 'local', changes, deadline },
    })
    // As a handler buries what it is too old to understand.
    const letter = envelope(said, {
      ...{ id: `${name}:dead`, type: 'dead.letter', subject: name },
      data: {
        ...{ stream: COMMANDS, consumer: name, seq: 1, deliveries: 1, code: 'UNREADABLE' },
        subject: subjects.command(late.type),
        ...{ reason: 'it is no command', headers: {}, payload: JSON.stringify(late) },
      },
    })
    await publish(subjects.dead(COMMANDS, name), letter.id, JSON.stringify(letter))
    const [found] = (await list(`?consumer=${name}`)).dead_letters
    assert.equal((await redrive(found?.id ?? 0)).job_id, null)
    await until(async () => (await api.ask(`/functions/${id}/versions/2`)).status === 200)
  }
})

test('what the server says of a consumer that gave up is a letter too', async () => {
  // While it runs, its command is still there for whoever wants to see it.
  const code = 'import time\ndef handler(event):\n    time.sleep(120)'
  const id = await api.register({ code, execution_type: 'async', timeout_ms: 300_000 })
  await bus.jsm.consumers.add(COMMANDS, {
    durable_name: 'impatient',
    filter_subject: subjects.runJob('python', id),
    ack_policy: AckPolicy.Explicit,
    max_deliver: 1,
    ack_wait: 200_000_000,
  })
  const first = await api.accept(id, { n: 5 })
  const consumer = await bus.js.consumers.get(COMMANDS, 'impatient')
  await until(async () => {
    await consumer.next({ expires: 1_000 })
    return (await list('?consumer=impatient')).dead_letters.length === 1
  })
  const [letter] = (await list('?consumer=impatient&code=MAX_DELIVERIES')).dead_letters
  assert.deepEqual([letter?.stream, letter?.subject], [COMMANDS, `cmd.job.run.python.${id}`])
  await api.change(id, { code: SOURCE })
  const { job_id } = await redrive(letter?.id ?? 0)
  assert.deepEqual((await api.ended(job_id ?? 0)).result, { n: 5 })
  assert.equal((await api.cancel(first.id)).status, 200)
  await bus.jsm.consumers.delete(COMMANDS, 'impatient')
})

test('many are redriven and purged by filter and by id, page by page', async () => {
  const made = [await buried(810_001, 1), await buried(810_002, 2), await buried(810_003, 3)]
  const ids = made.map(({ letter }) => letter.id)
  interface Many {
    readonly redriven: { id: number; job_id: number }[]
    readonly refused: { id: number; code: string }[]
  }
  const many = await ask<Many>(200, `${PATH}/redrive`, {
    json: { ids: [...ids, 999_999] },
    headers: keyed('many'),
  })
  assert.deepEqual(
    many.redriven.map((one) => one.id),
    ids,
  )
  assert.deepEqual(
    many.refused.map((one) => [one.id, one.code]),
    [[999_999, 'NOT_FOUND']],
  )
  for (const [n, { job_id }] of many.redriven.entries()) {
    assert.equal((await api.ended(job_id)).result, n + 1)
  }
  const byFilter = await ask<Many>(200, `${PATH}/redrive`, {
    json: { consumer: made[0]?.letter.consumer, again: true },
  })
  assert.deepEqual(
    byFilter.redriven.map((one) => one.id),
    [ids[0]],
  )

  const seen: number[] = []
  for (let after: number | null = 0; after !== null;) {
    const page: Awaited<ReturnType<typeof list>> = await list(`?limit=1&after=${after}`)
    seen.push(...page.dead_letters.map((one) => one.id))
    after = page.next
  }
  assert.ok(ids.every((id) => seen.includes(id)))
  assert.deepEqual((await list(`?after=${Number.MAX_SAFE_INTEGER}`)).dead_letters, [])
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  )

  const [first = 0] = ids
  assert.equal((await fetch(`${platform.url}${PATH}/${first}`, { method: 'DELETE' })).status, 204)
  await ask(404, `${PATH}/${first}`)
  const consumer = made[1]?.letter.consumer
  const purged = await ask(200, `${PATH}?consumer=${consumer}`, { method: 'DELETE' })
  assert.deepEqual(purged, { purged: 1, next: null })
  await ask(404, `${PATH}/${ids[1]}`)
  await ask(200, `${PATH}/${ids[2]}`)
})

test('a purge takes no more than it was told to', async () => {
  await publish('evt.job.1.succeeded', 'limit:1', 'no event')
  await publish('evt.job.1.succeeded', 'limit:2', 'no event')
  const query = '?consumer=projector'
  const [first, second] = await until(async () => {
    const { dead_letters: found } = await list(query)
    return found.length < 2 ? undefined : found
  })
  const purged = await ask(200, `${PATH}${query}&limit=1`, { method: 'DELETE' })
  assert.deepEqual(purged, { purged: 1, next: first?.id })
  await ask(404, `${PATH}/${first?.id}`)
  await ask(200, `${PATH}/${second?.id}`)
})

test('what cannot be redriven says why', async () => {
  const { id, letter } = await buried(820_001, {})
  await api.remove(id)
  const gone = await ask<{ code: string; status: number }>(404, `${PATH}/${letter.id}/redrive`, {
    method: 'POST',
  })
  assert.equal(gone.code, 'NOT_FOUND')
  await publish('evt.job.1.succeeded', 'broken:1', 'no event')
  const projector = await until(async () => (await list('?consumer=projector')).dead_letters[0])
  await ask(409, `${PATH}/${projector.id}/redrive`, { method: 'POST' })
})

test('a filter that is mistyped means no letter at all', async () => {
  await publish('evt.job.1.succeeded', 'mistyped:1', 'no event')
  const { id } = await until(async () => (await list('?consumer=projector')).dead_letters[0])
  const cases: [string, string][] = [
    ['DELETE', '?strem=x'],
    ['DELETE', '?consumer=nobody&strem=x'],
    ['GET', '?strem='],
    ['GET', `/${id}?strem=x`],
    ['DELETE', `/${id}?strem=x`],
    ['POST', `/${id}/redrive?strem=x`],
    ['POST', '/redrive?strem=x'],
  ]
  for (const [method, path] of cases) {
    type Refused = { detail: string; details: { field: string } }
    const problem = await ask<Refused>(400, `${PATH}${path}`, { method })
    assert.match(problem.detail, /strem/, path)
    assert.equal(problem.details.field, 'strem')
  }
  await ask(200, `${PATH}/${id}`)
})

test('what goes wrong with one of many is told to the log', async () => {
  const { letter } = await buried(830_001, {})
  await publish(subjects.redriven(letter.id), 'no-redriven', 'nothing that parses')
  type Many = { refused: { id: number; code: string }[] }
  const { refused } = await ask<Many>(200, `${PATH}/redrive`, { json: { ids: [letter.id] } })
  assert.deepEqual(
    refused.map(({ id, code }) => [id, code]),
    [[letter.id, 'INTERNAL']],
  )
  const said = () => platform.lines.find((line) => line.includes('"event":"redrive_failed"'))
  const line = await until(said)
  assert.match(line, new RegExp(`"letter":${letter.id}\\b`))
  assert.match(line, /SyntaxError/)
  await ask(204, `${PATH}/${letter.id}`, { method: 'DELETE' })
})

test('bad requests are refused as problems', async () => {
  for (const path of ['?limit=0', '?limit=101', '?after=x', '?stream=a.b', '?code=%20', '/x']) {
    const problem = await ask<{ code: string; request_id: string }>(400, `${PATH}${path}`)
    assert.equal(problem.code, 'INVALID_REQUEST')
  }
  for (const json of [
    { ids: [] },
    { ids: ['1'] },
    { what: 1 },
    { limit: 101 },
    { after: 1e300 },
    { ids: [2 ** 53] },
  ]) {
    await ask(400, `${PATH}/redrive`, { json })
  }
  const unknown = await ask<{ details: object }>(404, `${PATH}/999999`)
  assert.deepEqual(unknown.details, { field: 'id' })
  await ask(404, `${PATH}/999999/redrive`, { method: 'POST' })
})
