/**
 * The projector's durable on COMMANDS: it keeps a command in the stream until it has been applied.
 *
 * Invariants:
 * 1. A command is acknowledged only after the commit that applied it.
 * 2. Plain acks, which the server may forget: a command that comes again after its commit is
 *    acknowledged again and otherwise ignored.
 */
import type { JsMsg } from '@nats-io/jetstream'
import type { Bus } from '#events/jetstream/bus.ts'
import { consumeDurable } from '#events/jetstream/consume.ts'
import { COMMANDS, projectorDurable } from '#events/streams.ts'

const IN_FLIGHT_MAX = 2_000

export interface HeldCommands {
  /** Everything up to `seq` has been applied. */
  release(seq: number): void
  stop(): Promise<void>
}

export interface HeldCommandsOptions {
  readonly bus: Bus
  readonly applied: number
  readonly onTrouble: (event: string, fields: Record<string, unknown>) => void
}

export function holdCommands(options: HeldCommandsOptions): HeldCommands {
  const { bus, onTrouble } = options
  /** Bounded by the durable's `max_ack_pending`. */
  const held = new Map<number, JsMsg>()
  let applied = options.applied
  const reader = consumeDurable(bus, {
    stream: COMMANDS,
    durable: projectorDurable,
    maxMessages: IN_FLIGHT_MAX,
    onMessage: (message) => {
      if (message.seq <= applied) message.ack()
      else held.set(message.seq, message)
    },
    onTrouble,
  })
  return {
    release(seq) {
      applied = seq
      for (const [heldSeq, message] of held) {
        if (heldSeq > seq) continue
        held.delete(heldSeq)
        message.ack()
      }
    },
    stop: () => reader.stop(),
  }
}
