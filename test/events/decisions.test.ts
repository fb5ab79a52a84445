/** Function commands that are delivered again after their acknowledgement was lost. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { envelope } from '#events/envelope.ts'
import type { FunctionCommand, FunctionEvent } from '#events/functions.ts'
import { Appender } from '#events/jetstream/append.ts'
import { openPayloads } from '#events/jetstream/payloads.ts'
import { REPLY_HEADER, type CommandReply } from '#events/replies.ts'
import { COMMANDS, EVENTS } from '#events/streams.ts'
import { filters, subjects, type FunctionVerb } from '#events/subjects.ts'
import { quietLog } from '#test/support/quiet-log.ts'
import { until } from '#test/support/until.ts'
import { createCommands, type HandleMessage } from '../../apps/handler/commands.ts'
import { functionCommands } from '../../apps/handler/function-commands.ts'
import { createFunctionStore } from '../../apps/handler/function-store.ts'
import { SIZES, startLog, type TestLog } from './log-fixture.ts'

const ID = 7
const DEFINITION = { name: 'a', runtime: 'python', code: 'x', execution_type: 'sync' } as const

let log: TestLog
let appender: Appender
let handle: HandleMessage
before(async () => {
  log = await startLog()
  const { bus } = log
  appender = new Appender(bus.rpc, { giveUpAfterMs: 5_000 })
  const payloads = await openPayloads(bus.nc, { ...SIZES, eventTtlDays: 30 })
  const aggregate = functionCommands({
    store: createFunctionStore(bus, payloads, appender),
    checkSource: () => Promise.resolve(),
    ensureDurable: () => Promise.resolve(),
  })
  const aggregates = { function: aggregate }
  handle = createCommands({ bus, payloads, appender, aggregates, log: quietLog('handler') })
})
after(() => log[Symbol.asyncDispose]())

async function send(verb: FunctionVerb, n: number, data: object): Promise<{ reply: CommandReply }> {
  const said = { source: 'test', time: new Date().toISOString(), cause: { correlationid: 'r' } }
  const id = `function:${verb}:${n}`
  const command = envelope(said, {
    ...{ id, type: `function.${verb}`, subject: String(ID) },
    data: {
      ...{ function_id: ID, owner: 'local', ...data },
      deadline: new Date(Date.now() + 60_000).toISOString(),
    },
  }) as FunctionCommand
  const { inbox, reply } = log.bus.rpc.expect(verb, 10_000)
  const payload = JSON.stringify(command)
  const headers = [[REPLY_HEADER, inbox]] as const
  await appender.append({ subject: subjects.command(`function.${verb}`), id, payload, headers })
  return { reply: (await reply).json<CommandReply>() }
}

/** Handles the next command; its acknowledgement gets lost, and it will be delivered again. */
async function handleNext(lost: boolean): Promise<void> {
  const consumer = await log.bus.js.consumers.get(COMMANDS, 'handler')
  const message = await consumer.next({ expires: 5_000 })
  assert.ok(message)
  const settle = { ack: () => (lost ? message.nak(300) : message.ack()) }
  const handed = new Proxy(message, {
    get: (target, key) => {
      const value = (key in settle ? settle : target)[key as keyof typeof settle] as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  await handle(handed)
  await log.bus.nc.flush()
}

async function versions(): Promise<readonly FunctionEvent[]> {
  const found: FunctionEvent[] = []
  const { state } = await log.bus.jsm.streams.info(EVENTS)
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const stored = await log.bus.jsm.streams.getMessage(EVENTS, { seq })
    if (stored?.subject.startsWith(filters.functionEventsOf(ID).slice(0, -1)) === true) {
      found.push(stored.json<FunctionEvent>())
    }
  }
  return found
}

test('what was decided before is answered again, and nothing is applied twice', async () => {
  const lost = true
  await Promise.all([send('register', 1, { definition: DEFINITION }), handleNext(lost)])
  const first = send('update', 2, { changes: { description: 'first' } })
  await Promise.all([first, handleNext(lost)])
  const second = send('update', 3, { changes: { description: 'second' } })
  await Promise.all([second, handleNext(!lost)])
  // The registration and the first update, once more.
  await handleNext(!lost)
  await handleNext(!lost)
  const told = (await versions()).map(({ type, causationid }) => [type, causationid])
  assert.deepEqual(told, [
    ['function.registered', 'function:register:1'],
    ['function.updated', 'function:update:2'],
    ['function.updated', 'function:update:3'],
  ])
  await until(async () => {
    const info = await log.bus.jsm.consumers.info(COMMANDS, 'handler')
    return info.num_pending + info.num_ack_pending === 0
  })
  for (const { reply } of [await first, await second]) assert.ok('seq' in reply)
})
