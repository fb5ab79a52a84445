/**
 * Ids of functions and jobs: numbers, unique for ever and roughly rising.
 *
 * Each process leases blocks of 1,000 by compare-and-set in a fsynced NATS bucket, so taking one
 * costs nothing. The bucket and not Postgres holds the counter: a restored database must not hand
 * out ids again that the log already knows.
 *
 * Source: DESIGN of the log; NATS ADR-8 (key-value).
 */
import { Kvm, type KV } from '@nats-io/kv'
import type { NatsConnection } from '@nats-io/nats-core'
import { IDS_BYTES } from '../streams.ts'

const BUCKET = 'ids'
const BLOCK = 1_000
/** Lease the next block when this many are left. */
const LOW = 300

export type IdKind = 'function' | 'job'

export interface Ids {
  /** Synchronous while a leased id is at hand, which is nearly always. */
  take(): number | Promise<number>
}

export async function openIds(nc: NatsConnection, kind: IdKind): Promise<Ids> {
  const bucket = await new Kvm(nc).create(BUCKET, { history: 1, max_bytes: IDS_BYTES })
  return leaseBlocks(() => leaseBlock(bucket, kind))
}

/** The counter holds the last id that was leased to anybody. */
async function leaseBlock(bucket: KV, kind: IdKind): Promise<{ first: number; last: number }> {
  for (;;) {
    const entry = await bucket.get(kind)
    const before = entry === null ? 0 : Number(entry.string())
    const last = before + BLOCK
    try {
      if (entry === null) await bucket.create(kind, String(last))
      else await bucket.update(kind, String(last), entry.revision)
      return { first: before + 1, last }
    } catch (error) {
      const now = await bucket.get(kind)
      // Somebody else was faster: try behind them. Anything else is not ours to repeat.
      if ((now?.revision ?? 0) === (entry?.revision ?? 0)) throw error
    }
  }
}

export function leaseBlocks(lease: () => Promise<{ first: number; last: number }>): Ids {
  let current = { next: 1, last: 0 }
  let spare: { next: number; last: number } | undefined
  let leasing: Promise<void> | undefined

  const fetch = (): Promise<void> => {
    leasing ??= lease()
      .then(({ first, last }) => {
        spare = { next: first, last }
      })
      .finally(() => {
        leasing = undefined
      })
    return leasing
  }

  const take = (): number | Promise<number> => {
    if (current.next > current.last && spare !== undefined) {
      current = spare
      spare = undefined
    }
    if (current.next > current.last) return fetch().then(take)
    if (current.last - current.next < LOW && spare === undefined && leasing === undefined) {
      // A failed lease ahead of need is tried again at the next take; only need reports it.
      fetch().catch(() => undefined)
    }
    return current.next++
  }
  return { take }
}
