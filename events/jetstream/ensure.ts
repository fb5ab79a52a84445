/**
 * Brings the server's streams and durables to what `events/streams.ts` says.
 *
 * Invariants:
 * 1. Safe at any time, by any number of processes at once.
 * 2. What the server echoes is compared with what was asked: older servers drop fields silently.
 */
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream'
import {
  COMMANDS,
  EVENTS,
  handlerDurable,
  laterDurable,
  streamConfigs,
  type DurableConfig,
  type StreamSizes,
} from '../streams.ts'
import { isConsumerDifferent, isStreamNotFound } from './api-errors.ts'
import { BusError } from './bus.ts'

/** All streams, and the durables without which a command would be acknowledged and dropped. */
export async function ensureStreams(jsm: JetStreamManager, sizes: StreamSizes): Promise<void> {
  for (const config of streamConfigs(sizes)) await ensureStream(jsm, config)
  await ensureDurable(jsm, COMMANDS, handlerDurable)
  await ensureDurable(jsm, EVENTS, laterDurable)
}

async function ensureStream(jsm: JetStreamManager, asked: Partial<StreamConfig>): Promise<void> {
  const name = asked.name ?? ''
  const echoed = await existing(jsm, name)
  if (echoed !== undefined && dropped(asked, echoed).length === 0) return
  const info =
    echoed === undefined
      ? await jsm.streams.add({ ...asked, name })
      : await jsm.streams.update(name, asked)
  const missing = dropped(asked, info.config)
  if (missing.length === 0) return
  throw new BusError(
    'STREAM_CONFIG_DROPPED',
    `the NATS server did not take ${missing.join(', ')} of stream ${name}: it is too old, or ` +
      'another system owns the stream',
  )
}

async function existing(jsm: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await jsm.streams.info(name)).config
  } catch (error) {
    if (isStreamNotFound(error)) return undefined
    throw error
  }
}

function dropped(asked: Partial<StreamConfig>, echoed: StreamConfig): string[] {
  return Object.entries(asked)
    .filter(([key, value]) => {
      const answer = echoed[key as keyof StreamConfig]
      return JSON.stringify(answer) !== JSON.stringify(value)
    })
    .map(([key]) => key)
}

/** Adding a durable that exists with the same settings is no change; other settings are updated. */
export async function ensureDurable(
  jsm: JetStreamManager,
  stream: string,
  config: DurableConfig,
): Promise<void> {
  try {
    await jsm.consumers.add(stream, config)
  } catch (error) {
    if (!isConsumerDifferent(error)) throw error
    await jsm.consumers.update(stream, config.durable_name, config)
  }
}
