/**
 * What waits in the log, as gauges: asked of JetStream by the edge that is scraped, at the scrape.
 *
 * Invariants:
 * 1. Consumers count by kind: the many `fn-<id>` are one label, so that labels stay bounded.
 * 2. A consumer that has reached its `max_ack_pending` gets nothing more without a word; here it
 *    shows, as `sluice_consumers_stalled`.
 * 3. What the server did not tell within `ASK_MS` is absent, never an old number.
 */
import type { ConsumerInfo, StreamInfo } from '@nats-io/jetstream'
import type { Bus } from '#events/jetstream/bus.ts'
import { CALLS, COMMANDS, DEAD, EVENTS, KEYS } from '#events/streams.ts'
import { exposeGauge, type Observation } from '#runtime/telemetry-exposition.ts'

const ASK_MS = 500
const STREAMS = [COMMANDS, CALLS, EVENTS, DEAD, KEYS]
const CONSUMED = [COMMANDS, CALLS]

/** Last projected sequence, by stream. */
export type Projected = () => ReadonlyMap<string, number>

export async function readQueues(bus: Bus, projected: Projected): Promise<string> {
  if (bus.disconnected) return ''
  const [streams, consumers] = await Promise.all([
    present(STREAMS.map((name) => bus.jsm.streams.info(name))),
    present(CONSUMED.map((stream) => consumersOf(bus, stream))),
  ])
  return [
    ...exposeStreams(streams),
    ...exposeConsumers(consumers.flat()),
    exposeLag(streams, projected()),
  ].join('')
}

async function consumersOf(bus: Bus, stream: string): Promise<ConsumerInfo[]> {
  const found: ConsumerInfo[] = []
  for await (const info of bus.jsm.consumers.list(stream)) found.push(info)
  return found
}

/** Those that were answered in time; a stream may not exist yet, a server may be away. */
async function present<T>(questions: readonly Promise<T>[]): Promise<T[]> {
  const over = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => over.resolve(undefined), ASK_MS)
  const answers = await Promise.all(
    questions.map((question) => Promise.race([question.catch(() => undefined), over.promise])),
  )
  clearTimeout(timer)
  return answers.filter((answer) => answer !== undefined)
}

function exposeStreams(streams: readonly StreamInfo[]): string[] {
  const each = (read: (info: StreamInfo) => number): Observation[] =>
    streams.map((info) => ({ value: read(info), labels: { stream: info.config.name } }))
  return [
    exposeGauge(
      'sluice_stream_messages',
      'Messages that a stream holds.',
      each(({ state }) => state.messages),
    ),
    exposeGauge(
      'sluice_stream_bytes',
      'Bytes that a stream holds.',
      each(({ state }) => state.bytes),
    ),
    exposeGauge(
      'sluice_stream_max_bytes',
      'Bytes from which a stream takes no more.',
      each(({ config }) => config.max_bytes),
    ),
  ]
}

function exposeConsumers(consumers: readonly ConsumerInfo[]): string[] {
  const kinds = Map.groupBy(consumers, kindOf)
  const sum = (read: (info: ConsumerInfo) => number): Observation[] =>
    [...kinds.values()].map((infos) => ({
      value: infos.reduce((total, info) => total + read(info), 0),
      labels: labelsOf(infos),
    }))
  const stalled = ({ config, num_ack_pending }: ConsumerInfo) =>
    config.max_ack_pending !== undefined &&
    config.max_ack_pending > 0 &&
    num_ack_pending >= config.max_ack_pending

  return [
    exposeGauge(
      'sluice_consumer_pending',
      'Messages not yet handed to anybody.',
      sum((info) => info.num_pending),
    ),
    exposeGauge(
      'sluice_consumer_ack_pending',
      'Messages handed out and not yet settled.',
      sum((info) => info.num_ack_pending),
    ),
    exposeGauge(
      'sluice_consumer_redelivered',
      'Unsettled messages that were handed out more than once.',
      sum((info) => info.num_redelivered),
    ),
    exposeGauge(
      'sluice_consumers_stalled',
      'Consumers that hand out nothing because max_ack_pending is reached.',
      sum((info) => Number(stalled(info))),
    ),
  ]
}

function kindOf({ stream_name, name }: ConsumerInfo): string {
  return `${stream_name} ${name.replace(/^fn-\d+$/, 'functions')}`
}

function labelsOf([first]: readonly ConsumerInfo[]): Record<string, string> {
  const [stream = '', consumer = ''] = first === undefined ? [] : kindOf(first).split(' ')
  return { stream, consumer }
}

function exposeLag(streams: readonly StreamInfo[], projected: ReadonlyMap<string, number>): string {
  const lags = streams.flatMap(({ config, state }) => {
    const position = projected.get(config.name)
    if (position === undefined) return []
    return [{ value: Math.max(0, state.last_seq - position), labels: { stream: config.name } }]
  })
  const help = 'Messages between the end of a stream and what the read models show.'
  return exposeGauge('sluice_projection_lag_messages', help, lags)
}
