/**
 * Subscriptions: what happens, as it happens, off the feed that the other transports read.
 *
 * Invariants:
 * 1. Between the state that is told first and what is told after it there is no gap: the events are
 *    followed before the state is read.
 * 2. Who is cut off hears why, once, as the error of a last answer. Who goes ends it at once, whatever
 *    it was waiting for.
 */
import { Problem } from '#domain/problem.ts'
import { findJob } from '#projections/job-queries.ts'
import type { Subscription } from '../../feed/subscription.ts'
import { jobNotFound } from '../../jobs/job-commands.ts'
import { filterOf } from '../events/asked.ts'
import { jobDetails } from '../functions/views.ts'
import { as, type Asking } from './asking.ts'

interface EventsArgs {
  readonly type?: readonly string[] | null
  readonly key?: readonly string[] | null
  readonly function_id?: readonly number[] | null
  readonly job_id?: readonly number[] | null
  readonly last_event_id?: number | null
}

const ENDS: ReadonlySet<string> = new Set([
  'job.succeeded',
  'job.failed',
  'job.cancelled',
  'job.cached',
])

export const subscriptionFields = {
  Subscription: {
    events: {
      subscribe: as('GET /api/v1/events', async (_: unknown, args: EventsArgs, asking) => {
        const { last_event_id, ...wanted } = args
        const given = new Map<string, EventsArgs['key'] | EventsArgs['job_id']>(
          Object.entries(wanted),
        )
        const filter = filterOf((name) => (given.get(name) ?? []).map(String))
        const subscription = await asking.follow(
          'GET /api/v1/events',
          filter,
          last_event_id ?? undefined,
        )
        const events = subscription[Symbol.asyncIterator]()
        return live(asking, subscription, async () => {
          const { value } = await events.next()
          return value && { events: JSON.parse(value.json) as unknown }
        })
      }),
    },

    job: {
      subscribe: as('GET /jobs/:id', async (_: unknown, { id }: { id: number }, asking) => {
        const subscription = await asking.follow('GET /jobs/:id', { jobIds: new Set([id]) })
        return live(asking, subscription, statesOf(id, subscription, asking))
      }),
    },
  },
}

/** Its end is told as the read model has it: of several that were said, the first one counts. */
function statesOf(id: number, subscription: Subscription, asking: Asking) {
  let isFirst = true
  let hasEnded = false
  return async () => {
    if (hasEnded) subscription.close()
    const events = isFirst ? [] : await subscription.next()
    if (!isFirst && events.length === 0) return undefined
    isFirst = false
    const isEnd = events.some(({ type }) => ENDS.has(type))
    for (;;) {
      const row = await asking.require(
        (db, owner) => findJob(db, owner, id),
        () => jobNotFound(id),
      )
      hasEnded = row.status === 'success' || row.status === 'failed'
      // The read model is behind: it is asked again, and each time waits for it.
      if (!isEnd || hasEnded || subscription.end !== undefined) return { job: jobDetails(row) }
    }
  }
}

/** One value after the other; undefined is the end. No generator: its `return` would wait. */
function live<T>(
  asking: Asking,
  subscription: Subscription,
  step: () => Promise<T | undefined>,
): AsyncIterableIterator<T, undefined> {
  const done = { done: true, value: undefined } as const
  let isOver = false
  const iterator = {
    async next() {
      if (isOver) return done
      try {
        const value = await step()
        if (value !== undefined) return { done: false as const, value }
        isOver = true
        requireClosed(subscription)
        return done
      } catch (error) {
        isOver = true
        subscription.close()
        throw asking.told(error, 'subscription')
      }
    },
    async return() {
      isOver = true
      subscription.close()
      return done
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}

function requireClosed({ end, position }: Subscription): void {
  if (end === 'closed') return
  const details = { reason: end, last_event_id: position }
  throw new Problem('UNAVAILABLE', 'No more comes here; go on behind last_event_id.', details)
}
