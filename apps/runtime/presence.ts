/**
 * Who is here: every process says so once a second, and goodbye when it leaves.
 *
 * Invariants:
 * 1. Who has not been heard for `FORGET_AFTER_MS` is gone; who said goodbye is gone at once.
 * 2. An empty message asks everybody to say it now, so that a fresh watcher need not wait.
 * 3. Nothing here is stored. Health and metrics merely show it, but the edges rely on it: a write is
 *    answered when every edge that is present has read it, and an edge that does not hear itself
 *    stops answering from memory (`apps/edge/knowledge/agreement.ts`). So what it may get wrong is bounded by
 *    `FORGET_AFTER_MS`, and an instance's name must be its own.
 */
import { pid } from 'node:process'
import type { Msg } from '@nats-io/nats-core'
import type { Bus } from '#events/jetstream/bus.ts'
import { signals } from '#events/subjects.ts'

const SAY_EVERY_MS = 1_000
const FORGET_AFTER_MS = 3_000

export type PresenceState = Readonly<Record<string, unknown>>

export interface Presence {
  readonly process: string
  readonly instance: string
  readonly pid: number
  /** Small, and whatever the process wants to be seen of it. */
  readonly state: PresenceState
}

export interface AnnounceOptions {
  readonly process: string
  readonly instance: string
  /** Asked each time. */
  readonly state?: () => PresenceState
}

/** Dispose it first of all, before draining, so that the others look elsewhere meanwhile. */
export function announcePresence(bus: Bus, options: AnnounceOptions): Disposable {
  const { process, instance, state = () => ({}) } = options
  let leaving = false

  const say = () => {
    // The client would keep it for later, when it is no longer true.
    if (bus.disconnected || bus.nc.isClosed() || bus.nc.isDraining()) return
    const presence = { process, instance, pid, state: leaving ? {} : state(), leaving }
    bus.nc.publish(signals.presence, JSON.stringify(presence))
  }
  const questions = bus.nc.subscribe(signals.presence, {
    callback: (error, message) => {
      if (error === null && message.data.length === 0) say()
    },
  })
  const timer = setInterval(say, SAY_EVERY_MS)
  bus.onReconnect(() => {
    if (!leaving) say()
  })
  say()

  return {
    [Symbol.dispose]() {
      if (leaving) return
      leaving = true
      clearInterval(timer)
      questions.unsubscribe()
      say()
    },
  }
}

export interface PresenceWatch extends Disposable {
  /** Who was heard of late: all, or those of one name. */
  list(process?: string): readonly Presence[]
}

export function watchPresence(bus: Bus): PresenceWatch {
  const heard = new Map<string, { readonly presence: Presence; readonly at: number }>()

  const onMessage = (error: Error | null, message: Msg) => {
    const said = error === null ? read(message) : undefined
    if (said === undefined) return
    const { leaving, ...presence } = said
    const key = `${presence.process}/${presence.instance}`
    if (leaving) heard.delete(key)
    else heard.set(key, { presence, at: performance.now() })
  }
  const subscription = bus.nc.subscribe(signals.presence, { callback: onMessage })
  const ask = () => {
    if (!subscription.isClosed()) bus.nc.publish(signals.presence)
  }
  bus.onReconnect(ask)
  ask()

  return {
    list(process) {
      const since = performance.now() - FORGET_AFTER_MS
      for (const [key, { at }] of heard) {
        if (at < since) heard.delete(key)
      }
      const present = [...heard.values()].map(({ presence }) => presence)
      return process === undefined ? present : present.filter((one) => one.process === process)
    },
    [Symbol.dispose]: () => subscription.unsubscribe(),
  }
}

type Said = Presence & { readonly leaving: boolean }

/** Anybody may publish here; what is no presence is nobody. */
function read(message: Msg): Said | undefined {
  if (message.data.length === 0) return undefined
  let said: Partial<Said> | null
  try {
    said = message.json<Partial<Said> | null>()
  } catch {
    return undefined
  }
  const { process, instance, pid, state, leaving = false } = said ?? {}
  if (typeof process !== 'string' || typeof instance !== 'string') return undefined
  if (typeof pid !== 'number' || typeof state !== 'object' || state === null) return undefined
  return { process, instance, pid, state, leaving }
}
