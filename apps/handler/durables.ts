/**
 * One durable on COMMANDS for every living function: kept complete, and cleared away once a deleted
 * function's last accepted command is done.
 *
 * Invariants:
 * 1. Every living function has its durable, with its own concurrency or the one that is configured
 *    now: whatever took one away, the next round makes it anew. Who lives is read from the log
 *    once, headers only, and then followed; so a round costs a list of the durables and nothing
 *    for each.
 * 2. A durable is deleted only when nothing waits or is in flight, and its function was deleted at
 *    least `GRACE_MS` ago, or the durable is so old and its function was never registered; until
 *    then an edge that has not heard of the deletion may still accept a command.
 * 3. A job that was delayed beyond that gets a durable again when it is due, for `GRACE_MS` at least.
 */
import { DeliverPolicy, type ConsumerInfo } from '@nats-io/jetstream'
import type { Definition, Runtime } from '#events/functions.ts'
import { isConsumerNotFound } from '#events/jetstream/api-errors.ts'
import { ensureDurable } from '#events/jetstream/ensure.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { readToEnd } from '#events/jetstream/read-to-end.ts'
import {
  COMMANDS,
  EVENTS,
  functionDurable,
  functionDurableName,
  functionOfDurable,
} from '#events/streams.ts'
import { filters, parseFunctionEvent } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import { CONCURRENCY_HEADER, type FunctionStore } from './function-store.ts'

export const GRACE_MS = 600_000

export interface Durables {
  readonly ensure: (functionId: number, definition: Limited) => Promise<void>
  /** For a command that was accepted long ago: its function's durable may have been cleared away. */
  readonly revive: (functionId: number, runtime: Runtime) => Promise<void>
  /** Makes what is missing, and clears away the durables of functions that are gone for good. */
  readonly keep: (nowMs: number) => Promise<void>
}

export type Limited = Pick<Definition, 'runtime' | 'concurrency'>

export interface DurablesOptions {
  readonly bus: Bus
  readonly store: FunctionStore
  /** Of functions that do not say. */
  readonly concurrency: number
  readonly log: Log
}

export function createDurables({ bus, store, concurrency, log }: DurablesOptions): Durables {
  const follow = followLiving(bus)
  /** As the last round found them; their durables stay for `GRACE_MS` even if they are deleted. */
  let living: ReadonlyMap<number, number | undefined> = new Map()
  const ensure = (functionId: number, { runtime, concurrency: own = concurrency }: Limited) =>
    ensureDurable(bus.jsm, COMMANDS, functionDurable(functionId, own, runtime))

  const revive = async (functionId: number, runtime: Runtime) => {
    if (living.has(functionId)) return
    try {
      await bus.jsm.consumers.info(COMMANDS, functionDurableName(functionId))
    } catch (error) {
      unlessNotFound(error)
      await bus.jsm.consumers.add(COMMANDS, {
        ...functionDurable(functionId, concurrency, runtime),
        // What it has done before may still lie there.
        deliver_policy: DeliverPolicy.New,
      })
      log.info('durable_revived', { functionId })
    }
  }

  const make = async (functionId: number) => {
    const { event } = await store.loadFunction(functionId)
    if (event === undefined || event.type === 'function.deleted') return
    await ensure(functionId, event.data.definition)
    log.warn('durable_made', { functionId })
  }

  const isGone = async (functionId: number, { created, config }: ConsumerInfo, nowMs: number) => {
    const { event } = await store.loadFunction(functionId)
    if (event !== undefined && event.type !== 'function.deleted') return false
    const isRevived = config.deliver_policy === DeliverPolicy.New
    const since = isRevived ? created : (event?.data.deleted_at ?? created)
    return Date.parse(since) + GRACE_MS < nowMs
  }

  const keep = async (nowMs: number) => {
    living = await follow()
    const missing = new Set(living.keys())
    for await (const info of bus.jsm.consumers.list(COMMANDS)) {
      const functionId = functionOfDurable(info.name)
      if (functionId === undefined) continue
      if (living.has(functionId)) {
        const wanted = living.get(functionId) ?? concurrency
        if (info.config.max_ack_pending === wanted) missing.delete(functionId)
        continue
      }
      if (info.num_pending + info.num_ack_pending > 0) continue
      if (!(await isGone(functionId, info, nowMs))) continue
      await bus.jsm.consumers.delete(COMMANDS, info.name).catch(unlessNotFound)
      log.info('durable_cleared', { functionId })
    }
    for (const functionId of missing) await make(functionId)
  }

  return { ensure, revive, keep }
}

/** All functions that live, with their own concurrency, as the log has it at each call. */
function followLiving(bus: Bus): () => Promise<ReadonlyMap<number, number | undefined>> {
  const living = new Map<number, number | undefined>()
  /** The last sequence of EVENTS that has been looked at. */
  let read = 0
  return async () => {
    const from =
      read === 0
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: read + 1 }
    const options = { ...from, filter_subjects: filters.functionEvents, headers_only: true }
    await readToEnd(bus, EVENTS, options, ({ subject, seq, headers }) => {
      read = seq
      const event = parseFunctionEvent(subject)
      if (event?.fact === 'deleted') living.delete(event.functionId)
      else if (event !== undefined) living.set(event.functionId, ownConcurrency(headers))
    })
    return living
  }
}

function ownConcurrency(headers: { get(name: string): string } | undefined): number | undefined {
  const own = headers?.get(CONCURRENCY_HEADER) ?? ''
  return own === '' ? undefined : Number(own)
}

/** Another handler was faster. */
function unlessNotFound(error: unknown): boolean {
  if (isConsumerNotFound(error)) return false
  throw error
}
