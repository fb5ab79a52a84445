/** A command that nobody can read: buried, answered as far as can be, and never seen again. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { headers as newHeaders } from '@nats-io/nats-core'
import type { Bus } from '#events/jetstream/bus.ts'
import type { DeadLetter } from '#events/letters.ts'
import { jobMessageId } from '#events/jobs.ts'
import { COMMANDS, DEAD } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { startPlatform, type TestPlatform } from '#test/support/platform.ts'
import { until } from '#test/support/until.ts'
import { FunctionsApi } from './functions-api.ts'

let platform: TestPlatform
let bus: Bus
let api: FunctionsApi
before(async () => {
  platform = await startPlatform()
  bus = await platform.openBus()
  api = new FunctionsApi(platform.url)
})
after(() => platform.stop())

async function publish(subject: string, id: string, body: string, payload?: string) {
  const headers = newHeaders()
  if (payload !== undefined) headers.set('Sluice-Payload', payload)
  await bus.js.publish(subject, body, { msgID: id, headers })
}

const settled = (consumer: string) =>
  until(async () => {
    const { num_pending, num_ack_pending } = await bus.jsm.consumers.info(COMMANDS, consumer)
    return num_pending + num_ack_pending === 0
  })

/** The newest one of what that consumer could not read, once it is the one that is meant. */
const letter = (consumer: string, isOf: (letter: DeadLetter['data']) => boolean) =>
  until(async () => {
    const last = subjects.dead(COMMANDS, consumer)
    const stored = await bus.jsm.streams.getMessage(DEAD, { last_by_subj: last })
    const found = stored?.json<DeadLetter>().data
    return found !== undefined && isOf(found) && found
  })

test('a run command that is no JSON is buried, and its job ends as failed', async () => {
  const id = await api.register({ execution_type: 'async' })
  for (const [job, body] of [
    [900_001, '{"data":'],
    [900_002, 'null'],
  ] as const) {
    await publish(subjects.runJob('python', id), jobMessageId.run(job), body)
    const end = await until(async () => {
      const { status, body } = await api.ask(`/jobs/${job}`)
      return status === 200 && (body.data as { status: string; error?: { code: string } })
    })
    assert.deepEqual([end.status, end.error?.code], ['failed', 'UNREADABLE'])
    const buried = await letter(`fn-${id}`, ({ payload }) => payload === body)
    assert.equal(buried.deliveries, 1)
    await settled(`fn-${id}`)
  }
  const job = await api.accept(id, 1)
  assert.equal((await api.ended(job.id)).status, 'success')
})

test('a run command whose payload is gone is buried with the place that it named', async () => {
  const id = await api.register({ execution_type: 'async' })
  const place = 'happenings/nowhere'
  await publish(subjects.runJob('python', id), 'something else', '', place)
  await letter(`fn-${id}`, ({ headers }) => headers['Sluice-Payload'] === place)
  await settled(`fn-${id}`)
})

test('a function command that makes no sense is buried, and others are decided', async () => {
  for (const [n, body] of ['{', '[]', '{"type":"function.update","data":{}}'].entries()) {
    await publish(subjects.command('function.update'), `nonsense:${n}`, body)
    await letter('handler', ({ payload }) => payload === body)
    await settled('handler')
  }
  await api.register()
})
