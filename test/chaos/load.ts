/**
 * The load: so many requests in flight, each worker asking the next as soon as the last is answered.
 *
 * Whoever was promised an end asks for it, as real clients do; that also keeps the queue short. Two
 * workers of every eight own a function that only they change, so that its versions can be told.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { isEnded, type Client, type JobView } from './client.ts'
import type { Journal, Known } from './journal.ts'
import type { Random } from '#test/support/random.ts'
import { passing } from './sources.ts'

/** After a refused connection: a client that spins would only heat the machine. */
const PAUSE_MS = 50
const LONG_SHARE = 0.01
const POLLS_MAX = 40
const POLL_EVERY_MS = 50

export interface LoadOptions {
  readonly client: Client
  readonly journal: Journal
  readonly random: Random
  readonly inFlight: number
  /** Functions that everybody calls and nobody changes. */
  readonly standing: readonly Known[]
  readonly long: Known
  /** Ends the load; what is in flight is still waited for. */
  readonly signal: AbortSignal
}

export async function load(options: LoadOptions): Promise<void> {
  const workers = Array.from({ length: options.inFlight }, async (_, index) =>
    index % 8 < 6 ? call(options, options.random.fork()) : define(options, options.random.fork()),
  )
  await Promise.all(workers)
}

async function call(
  { client, standing, long, signal }: LoadOptions,
  random: Random,
): Promise<void> {
  while (!signal.aborted) {
    const known = random.next() < LONG_SHARE ? long : random.pick(standing)
    const chance = random.next()
    const kind = chance < 0.6 ? 'sync' : chance < 0.8 ? 'async' : 'wait'
    const job = await client.invoke(known, kind)
    if (job === undefined) await wait(PAUSE_MS)
    else if (!isEnded(job)) await follow(client, job, signal)
    else if (random.next() < 0.3) await client.job(job)
  }
}

/** Asks for a job until it has ended, or for a while; its status never goes back. */
async function follow(client: Client, told: JobView, signal: AbortSignal): Promise<void> {
  let last = told
  for (let poll = 0; poll < POLLS_MAX && !signal.aborted; poll++) {
    const job = await client.job(last)
    if (job !== undefined) last = job
    if (isEnded(last)) return
    await wait(POLL_EVERY_MS)
  }
}

async function define(options: LoadOptions, random: Random): Promise<void> {
  const { client, journal, signal } = options
  let own: Known | undefined
  while (!signal.aborted) {
    own ??= await register(options, random)
    if (own === undefined) {
      await wait(PAUSE_MS)
      continue
    }
    const chance = random.next()
    if (chance < 0.35) await client.update(own)
    else if (chance < 0.75) await client.invoke(own, 'sync')
    else if (chance < 0.85) await client.invoke(own, 'async')
    else if (chance < 0.9) await readList(options, own)
    else if (chance < 0.95) own = undefined
    else {
      await client.remove(own)
      await client.invoke(own, 'sync')
      own = undefined
    }
    if (journal.functions.size === 0) await wait(PAUSE_MS)
  }
}

/** A name whose registration failed is asked for again: it must be free, or really taken. */
async function register({ client, journal }: LoadOptions, random: Random) {
  const n = journal.number()
  const uncertain = [...journal.uncertainNames].filter((name) => !journal.takenNames.has(name))
  const again = uncertain.length > 0 && random.next() < 0.5
  return client.register(passing(again ? random.pick(uncertain) : `passing-${n}`, n))
}

async function readList({ client, journal }: LoadOptions, own: Known): Promise<void> {
  const reply = await client.ask('read', { method: 'GET', path: '/functions' })
  if (reply?.status !== 200 || reply.stale || own.deletion !== 'none') return
  const { functions } = reply.data as { functions: { id: number }[] }
  if (functions.some(({ id }) => id === own.functionId)) return
  journal.violate(`function ${own.functionId} was acknowledged and is not in the list`)
}
