/**
 * Reads the events of Sluice into a file, each one once, whatever is killed in between.
 *
 *   NATS_URL=$(cat .sluice/nats.url) node consumer.ts <name> <subject> <file>
 *   NATS_URL=… node consumer.ts billing 'evt.job.*.succeeded' jobs.jsonl
 *
 * 1. The server remembers under <name> how far it has come: started again, it goes on from there.
 * 2. An event is acknowledged when it is in the file. Killed before, it comes once more, and is known
 *    by its id.
 * 3. A large event lies in an object store; its message is empty and names it in a header.
 */
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { AckPolicy, jetstream, jetstreamManager, type JsMsg } from '@nats-io/jetstream'
import { Objm } from '@nats-io/obj'
import { connect } from '@nats-io/transport-node'

const WAIT_MS = 5_000

interface Event {
  readonly id: string
  readonly type: string
  readonly time: string
  readonly data: Readonly<Record<string, unknown>>
}

const [name, subject, file] = process.argv.slice(2)
const url = process.env['NATS_URL']
if (name === undefined || subject === undefined || file === undefined || url === undefined) {
  throw new Error('usage: NATS_URL=$(cat .sluice/nats.url) consumer.ts <name> <subject> <file>')
}
const { host, username, password } = new URL(url)
const connection = await connect({
  servers: host,
  ...(username !== '' && { user: username, pass: password }),
  maxReconnectAttempts: -1,
  waitOnFirstConnect: true,
})

const manager = await jetstreamManager(connection)
await manager.consumers.add('EVENTS', {
  durable_name: name,
  filter_subject: subject,
  ack_policy: AckPolicy.Explicit,
  max_ack_pending: 100,
})

const handled = new Set<string>()
if (existsSync(file)) {
  const text = readFileSync(file, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  // A kill may have cut the last line.
  truncateSync(file, Buffer.byteLength(whole))
  for (const line of whole.split('\n').slice(0, -1)) {
    handled.add((JSON.parse(line) as Event).id)
  }
}

const consumer = await jetstream(connection).consumers.get('EVENTS', name)
for (;;) {
  try {
    for await (const message of await consumer.fetch({ max_messages: 100, expires: WAIT_MS })) {
      const event = await open(message)
      if (!handled.has(event.id)) {
        appendFileSync(file, `${JSON.stringify(event)}\n`)
        handled.add(event.id)
      }
      message.ack()
    }
  } catch (error) {
    // The server is away: what was not acknowledged comes again.
    process.stderr.write(`${String(error)}\n`)
    await setTimeout(1_000)
  }
}

async function open(message: JsMsg): Promise<Event> {
  const reference = message.headers?.get('Sluice-Payload') ?? ''
  if (reference === '') return message.json<Event>()
  const [bucket = ''] = reference.split('/', 1)
  const store = await new Objm(connection).open(bucket)
  const blob = await store.getBlob(reference.slice(bucket.length + 1))
  if (blob === null) throw new Error(`${reference} is gone`)
  return JSON.parse(new TextDecoder().decode(blob)) as Event
}
