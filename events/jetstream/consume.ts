/**
 * Reads a stream until told to stop: through a durable (claims, acknowledged one by one) or in order
 * from a sequence (no state on the server).
 *
 * Invariants:
 * 1. `onMessage` is synchronous and never throws for a message's sake: what it cannot do at once it
 *    queues, and whoever queued decides on the acknowledgement.
 * 2. A lost consumer, stream or heartbeat starts the consumption anew; nothing is skipped: a durable
 *    redelivers, an ordered reader resumes behind the last sequence that it delivered.
 * 3. A connection that came back starts the consumption anew at once. The server may be another one,
 *    and the client looks only once whether its consumer survived: if the server is not ready to say
 *    so at that moment, it asks again half a minute later.
 * 4. `stop` first ends delivery; afterwards no `onMessage` comes.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { DeliverPolicy, type Consumer, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream'
import type { DurableConfig } from '../streams.ts'
import { isConsumerNotFound } from './api-errors.ts'
import type { Bus } from './bus.ts'
import { ensureDurable } from './ensure.ts'

const RESTART_FIRST_MS = 50
const RESTART_MAX_MS = 2_000

const FATAL = new Set(['consumer_deleted', 'consumer_not_found', 'stream_not_found'])

export interface Consumption {
  /** Ends delivery, and resolves when the last message has been handed over. */
  stop(): Promise<void>
}

interface Common {
  readonly stream: string
  readonly onMessage: (message: JsMsg) => void
  /** Messages that may wait in this process. */
  readonly maxMessages: number
  readonly onTrouble: (event: string, fields: Record<string, unknown>) => void
  /** Makes what the consumption needs when the server has lost it. */
  readonly ensure?: () => Promise<void>
}

export interface DurableOptions extends Common {
  readonly durable: DurableConfig
}

export interface OrderedOptions extends Common {
  readonly filter: string
  /** First sequence to deliver. */
  readonly from: number
  /** Delivers only the newest message of each subject, then all that follow. */
  readonly lastPerSubject?: boolean
  readonly headersOnly?: boolean
}

export interface ExistingOptions extends Common {
  readonly name: string
  /** The durable does not exist (any more); the consumption has ended. */
  readonly onGone: () => void
}

/** Reads through a durable that somebody else makes and deletes. */
export function consumeExisting(bus: Bus, options: ExistingOptions): Consumption {
  const { stream, name } = options
  return keepConsuming(bus, options, async () => {
    try {
      return await bus.js.consumers.get(stream, name)
    } catch (error) {
      if (!isConsumerNotFound(error)) throw error
      options.onGone()
      return undefined
    }
  })
}

export function consumeDurable(bus: Bus, options: DurableOptions): Consumption {
  const { stream, durable } = options
  return keepConsuming(bus, options, async () => {
    await options.ensure?.()
    await ensureDurable(bus.jsm, stream, durable)
    return bus.js.consumers.get(stream, durable.durable_name)
  })
}

export function consumeInOrder(bus: Bus, options: OrderedOptions): Consumption {
  const { stream, filter, lastPerSubject = false, headersOnly = false } = options
  let next = options.from
  let fresh = true
  const onMessage = (message: JsMsg) => {
    if (message.seq < next && !(fresh && lastPerSubject)) return
    next = message.seq + 1
    options.onMessage(message)
  }
  return keepConsuming(bus, { ...options, onMessage }, async () => {
    await options.ensure?.()
    const start =
      fresh && lastPerSubject
        ? { deliver_policy: DeliverPolicy.LastPerSubject }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, next) }
    fresh = false
    return bus.js.consumers.get(stream, {
      ...start,
      filter_subjects: filter,
      headers_only: headersOnly,
    })
  })
}

/** `open` resolves with undefined when there is nothing to consume any more. */
function keepConsuming(
  bus: Bus,
  options: Common,
  open: () => Promise<Consumer | undefined>,
): Consumption {
  const { onMessage, maxMessages, onTrouble, stream } = options
  const stopping = new AbortController()
  let messages: ConsumerMessages | undefined
  let connection = 0

  const once = async () => {
    const openedOn = connection
    const consumer = await open()
    if (consumer === undefined) stopping.abort()
    if (consumer === undefined || stopping.signal.aborted) return
    messages = await consumer.consume({ callback: onMessage, max_messages: maxMessages })
    if (connection !== openedOn || stopping.signal.aborted) {
      // The statuses of what was stopped before would never end.
      messages.stop()
      return
    }
    for await (const status of messages.status()) {
      const { type } = status
      if (FATAL.has(type)) {
        onTrouble('consumer_lost', { stream, reason: type })
        messages.stop()
      }
    }
    await messages.closed()
  }

  // Stopped, it closes; `run` then opens the next one.
  const forgetReconnects = bus.onReconnect(() => {
    connection++
    messages?.stop()
  })

  const run = async () => {
    let delay = RESTART_FIRST_MS
    while (!stopping.signal.aborted) {
      const startedAt = performance.now()
      try {
        await once()
      } catch (error) {
        if (!stopping.signal.aborted) onTrouble('consume_failed', { stream, error })
      }
      if (stopping.signal.aborted) return
      if (performance.now() - startedAt > RESTART_MAX_MS) delay = RESTART_FIRST_MS
      await wait(delay, undefined, { signal: stopping.signal }).catch(() => undefined)
      delay = Math.min(2 * delay, RESTART_MAX_MS)
    }
  }
  const running = run().finally(forgetReconnects)

  return {
    async stop() {
      stopping.abort()
      await messages?.close()
      await running
    },
  }
}
