/**
 * One durable on COMMANDS for every living function: kept complete, and cleared away once a deleted
 * function's last accepted command is done.
 *
 * Invariant: a durable is deleted only when its function was deleted at least `GRACE_MS` ago and
 * nothing waits or is in flight; until then an edge that has not heard of the deletion may still
 * accept a command.
 */
import { JetStreamApiError } from '@nats-io/jetstream'
import { ensureDurable } from '#events/jetstream/ensure.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { COMMANDS, functionDurable } from '#events/streams.ts'
import type { Log } from '#runtime/log.ts'
import type { FunctionStore } from './function-store.ts'

const GRACE_MS = 600_000
const CONSUMER_NOT_FOUND = 10014

export interface Durables {
  readonly ensure: (functionId: number) => Promise<void>
  /** Clears away the durables of functions that are gone for good. */
  readonly clear: (nowMs: number) => Promise<void>
}

export interface DurablesOptions {
  readonly bus: Bus
  readonly store: FunctionStore
  readonly concurrency: number
  readonly log: Log
}

export function createDurables({ bus, store, concurrency, log }: DurablesOptions): Durables {
  const isGone = async (functionId: number, nowMs: number): Promise<boolean> => {
    const { event } = await store.loadFunction(functionId)
    if (event?.type !== 'function.deleted') return false
    return Date.parse(event.data.deleted_at) + GRACE_MS < nowMs
  }

  const clear = async (nowMs: number) => {
    for await (const { name, num_pending, num_ack_pending } of bus.jsm.consumers.list(COMMANDS)) {
      const functionId = /^fn-(\d+)$/.exec(name)?.[1]
      if (functionId === undefined || num_pending + num_ack_pending > 0) continue
      if (!(await isGone(Number(functionId), nowMs))) continue
      await bus.jsm.consumers.delete(COMMANDS, name).catch(unlessNotFound)
      log.info('durable_cleared', { functionId: Number(functionId) })
    }
  }

  return {
    ensure: (functionId) =>
      ensureDurable(bus.jsm, COMMANDS, functionDurable(functionId, concurrency)),
    clear,
  }
}

/** Another handler was faster. */
function unlessNotFound(error: unknown): boolean {
  if (error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND) return false
  throw error
}
