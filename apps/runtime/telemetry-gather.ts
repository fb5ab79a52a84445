/**
 * One scrape for all processes: each answers over NATS with its own text, the edge merges them.
 *
 * Invariants:
 * 1. A scrape ends within `GATHER_MS`, whoever is silent; who was is told by `sluice_process_up`.
 * 2. A process appears once, whatever answers twice.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { createInbox, headers as newHeaders, type Msg } from '@nats-io/nats-core'
import type { Bus } from '#events/jetstream/bus.ts'
import { signals } from '#events/subjects.ts'
import type { PresenceWatch } from './presence.ts'
import { exposeGauge, mergeExpositions } from './telemetry-exposition.ts'
import type { Telemetry } from './telemetry.ts'

const GATHER_MS = 500
const PROCESS = 'Sluice-Process'
const INSTANCE = 'Sluice-Instance'

interface Identity {
  readonly process: string
  readonly instance: string
}

/** Answers `signals.metrics` until disposed. */
export function serveMetrics(bus: Bus, telemetry: Telemetry): Disposable {
  const headers = newHeaders()
  headers.set(PROCESS, telemetry.process)
  headers.set(INSTANCE, telemetry.instance)

  const subscription = bus.nc.subscribe(signals.metrics, {
    callback: (error, question) => {
      if (error !== null) return
      // Nothing to say counts as down at whoever asks: it is told there, not hidden here.
      const answer = (text: string) => void question.respond(text, { headers })
      telemetry.render().then(answer, () => answer(''))
    },
  })
  return { [Symbol.dispose]: () => subscription.unsubscribe() }
}

/** The text of every process that is present, and `more` that belongs to none of them. */
export async function gatherMetrics(
  bus: Bus,
  own: Telemetry,
  presence: PresenceWatch,
  more: Promise<string> = Promise.resolve(''),
): Promise<string> {
  const others = presence.list().filter((other) => key(other) !== key(own))
  const [ownText, answers, rest] = await Promise.all([
    own.render(),
    ask(bus, new Set(others.map(key))),
    more,
  ])
  answers.delete(key(own))
  const up = others.map((other) => ({ ...other, up: (answers.get(key(other)) ?? '') !== '' }))
  const roll = rollCall([...up, { process: own.process, instance: own.instance, up: true }])
  return mergeExpositions([roll, ownText, ...answers.values(), rest])
}

/** Asks everybody; resolves when all of `expected` have answered, or when the time is over. */
async function ask(bus: Bus, expected: ReadonlySet<string>): Promise<Map<string, string>> {
  const answers = new Map<string, string>()
  if (expected.size === 0 || bus.disconnected) return answers
  const missing = new Set(expected)
  const done = new AbortController()

  const onAnswer = (error: Error | null, message: Msg) => {
    const { headers } = message
    const process = headers?.get(PROCESS)
    if (error !== null || !process) return
    const from = key({ process, instance: headers?.get(INSTANCE) ?? '' })
    answers.set(from, message.string())
    missing.delete(from)
    if (missing.size === 0) done.abort()
  }
  const inbox = createInbox()
  const subscription = bus.nc.subscribe(inbox, { callback: onAnswer })
  bus.nc.publish(signals.metrics, '', { reply: inbox })
  await wait(GATHER_MS, undefined, { signal: done.signal }).catch(() => undefined)
  subscription.unsubscribe()
  return answers
}

function rollCall(processes: readonly (Identity & { readonly up: boolean })[]): string {
  const help = 'Whether a present process answered this scrape in time.'
  const observe = ({ process, instance, up }: Identity & { readonly up: boolean }) => ({
    value: Number(up),
    labels: { process, instance },
  })
  return exposeGauge('sluice_process_up', help, processes.map(observe))
}

function key({ process, instance }: Identity): string {
  return `${process}/${instance}`
}
