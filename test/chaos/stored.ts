/** What the REST surface shows when all is quiet: every job of every function, metrics, the list. */
import assert from 'node:assert/strict'
import type { Client, JobView } from './client.ts'
import { until } from '../support/until.ts'

const PER_PAGE = 100
const READ_WITHIN_MS = 120_000
/** A run nobody ended: its time-out, the leases, the sweeper's turns; and a backlog before it. */
const QUIET_WITHIN_MS = 400_000

export interface Stored {
  readonly jobs: ReadonlyMap<number, JobView>
  /** By function id. */
  readonly invocations: ReadonlyMap<number, Invocations>
  readonly functions: ReadonlyMap<number, { readonly name: string; readonly version: number }>
}

export interface Invocations {
  readonly total: number
  readonly successful: number
  readonly failed: number
  readonly cancelled: number
}

/** Resolves when no job of these functions is pending or running any more. */
export async function untilQuiet(client: Client, functionIds: readonly number[]): Promise<void> {
  for (const id of functionIds) {
    for (const status of ['pending', 'running']) {
      const path = `/functions/${id}/jobs?status=${status}&per_page=1`
      const none = async () => (await fresh<{ jobs: unknown[] }>(client, path)).jobs.length === 0
      await until(none, {
        timeoutMs: QUIET_WITHIN_MS,
        pollMs: 100,
        what: `function ${id} without ${status} jobs`,
      })
    }
  }
}

export async function readStored(client: Client, functionIds: readonly number[]): Promise<Stored> {
  const jobs = new Map<number, JobView>()
  const invocations = new Map<number, Invocations>()
  for (const id of functionIds) {
    for (let page = 1, more = true; more; page++) {
      const path = `/functions/${id}/jobs?page=${page}&per_page=${PER_PAGE}`
      const shown = await fresh<{ jobs: JobView[]; has_more: boolean }>(client, path)
      for (const job of shown.jobs) jobs.set(job.id, job)
      more = shown.has_more
    }
    const metrics = await fresh<{ invocations: Invocations }>(client, `/functions/${id}/metrics`)
    invocations.set(id, metrics.invocations)
  }
  type Listed = { functions: { id: number; name: string; version: number }[] }
  const { functions } = await fresh<Listed>(client, '/functions')
  return { jobs, invocations, functions: new Map(functions.map((shown) => [shown.id, shown])) }
}

async function fresh<T>(client: Client, path: string): Promise<T> {
  return until(
    async () => {
      const reply = await client.ask('read', { method: 'GET', path })
      assert.ok(reply !== undefined && reply.status < 500 && !reply.stale, `${path} is not fresh`)
      assert.equal(reply.status, 200, `${path}: ${JSON.stringify(reply.error)}`)
      return reply.data as T & object
    },
    { timeoutMs: READ_WITHIN_MS, what: path },
  )
}
