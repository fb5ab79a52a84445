/**
 * Queries of the read model `jobs` (`jobs.ts` has the row and the events that it applies).
 *
 * Invariant: none of them gets slower with history. A page is read off an index from its newest
 * end, what is overdue off a partial index of what is unfinished, and nothing is counted. Nor is an
 * answer without bound: a page ends early where its results grow large.
 */
import { sql } from 'kysely'
import { acceptedOf, type JobAccepted, type JobLogLine, type JobStatus } from '#events/jobs.ts'
import type { Json } from '#events/json.ts'
import type { Db } from './database.ts'
import type { JobTable } from './jobs.ts'

/** A job without what is large and seldom wanted. */
export type JobSummary = Readonly<Omit<JobTable, 'input' | 'logs' | 'counted_on'>>
export type JobRow = JobSummary & Readonly<Pick<JobTable, 'input'>>

const summary = [
  'jobs.id',
  'jobs.function_id',
  'jobs.function_version',
  'jobs.owner',
  'jobs.runtime',
  'jobs.status',
  'jobs.attempt',
  'jobs.accepted_at',
  'jobs.run_at',
  'jobs.scheduled_for',
  'jobs.redriven_from',
  'jobs.started_at',
  'jobs.finished_at',
  'jobs.duration_ms',
  'jobs.cpu_ms',
  'jobs.memory_bytes',
  'jobs.logs_truncated',
  'jobs.cancelled',
  'jobs.retry_at',
  'jobs.error',
  'jobs.session_id',
  'jobs.cached_from',
] as const

/** A job that came from the cache has the result of its source, which is `source` in the query. */
const result = sql<Json | null>`coalesce(jobs.result, source.result)`

export async function findJob(db: Db, owner: string, id: number): Promise<JobRow | undefined> {
  return db
    .selectFrom('jobs')
    .leftJoin('jobs as source', 'source.id', 'jobs.cached_from')
    .select([...summary, result.as('result'), 'jobs.input'])
    .where('jobs.id', '=', id)
    .where('jobs.owner', '=', owner)
    .executeTakeFirst()
}

export interface JobLogs {
  readonly logs: readonly JobLogLine[]
  readonly logs_truncated: boolean
}

export async function findJobLogs(db: Db, owner: string, id: number): Promise<JobLogs | undefined> {
  return db
    .selectFrom('jobs')
    .select(['logs', 'logs_truncated'])
    .where('id', '=', id)
    .where('owner', '=', owner)
    .executeTakeFirst()
}

/** Results of a page, as text. */
const PAGE_BYTES_MAX = 8 * 1024 ** 2

/** Where a job stands among those of its function. */
export type JobPosition = Pick<JobSummary, 'accepted_at' | 'id'>

export async function findJobPosition(
  db: Db,
  owner: string,
  functionId: number,
  id: number,
): Promise<JobPosition | undefined> {
  return db
    .selectFrom('jobs')
    .select(['accepted_at', 'id'])
    .where('id', '=', id)
    .where('function_id', '=', functionId)
    .where('owner', '=', owner)
    .executeTakeFirst()
}

export interface JobPageRequest {
  /** Counts from 1, below `before` if that is given. */
  readonly page: number
  readonly perPage: number
  readonly status?: JobStatus | undefined
  readonly before?: JobPosition | undefined
}

export interface JobPage {
  /** Fewer than asked for where their results are large, but one at least. */
  readonly jobs: readonly JobSummary[]
  readonly has_more: boolean
}

/** Newest first. */
export async function pageOfJobs(
  db: Db,
  owner: string,
  functionId: number,
  { page, perPage, status, before }: JobPageRequest,
): Promise<JobPage> {
  let keys = db
    .selectFrom('jobs')
    .select('id')
    .where('function_id', '=', functionId)
    .where('owner', '=', owner)
    .orderBy('accepted_at', 'desc')
    .orderBy('id', 'desc')
    .offset((page - 1) * perPage)
    .limit(perPage + 1)
  if (status !== undefined) keys = keys.where('status', '=', status)
  if (before !== undefined) {
    keys = keys.where((where) =>
      where(where.refTuple('accepted_at', 'id'), '<', where.tuple(before.accepted_at, before.id)),
    )
  }
  const sized = db
    .selectFrom(keys.as('page'))
    .innerJoin('jobs', 'jobs.id', 'page.id')
    .leftJoin('jobs as source', 'source.id', 'jobs.cached_from')
    .select(['jobs.id', sql<number>`count(*) over ()`.as('found'), bytesOfNewer.as('newer')])
  const rows = await db
    .selectFrom(sized.as('sized'))
    .innerJoin('jobs', 'jobs.id', 'sized.id')
    .leftJoin('jobs as source', 'source.id', 'jobs.cached_from')
    .select([...summary, result.as('result'), 'sized.found'])
    .where('sized.newer', '<', PAGE_BYTES_MAX)
    .orderBy('jobs.accepted_at', 'desc')
    .orderBy('jobs.id', 'desc')
    .limit(perPage)
    .execute()
  return { jobs: rows, has_more: Number(rows[0]?.found ?? 0) > rows.length }
}

/** Of the jobs before it on its page. */
const bytesOfNewer = sql<number>`coalesce(sum(octet_length(${result}::text)) over (
  order by jobs.accepted_at desc, jobs.id desc rows between unbounded preceding and 1 preceding), 0)`

/** As its events carry it: all of it, since they may be all that is left to rebuild it from. */
export function acceptedIn(row: JobRow): JobAccepted {
  const { id: job_id, run_at, scheduled_for, redriven_from, session_id } = row
  return acceptedOf({
    ...row,
    job_id,
    run_at: run_at ?? undefined,
    scheduled_for: scheduled_for ?? undefined,
    redriven_from: redriven_from ?? undefined,
    session: session_id === null ? undefined : { id: session_id },
  } satisfies Record<keyof JobAccepted, unknown>)
}

/** What its `job.failed` must carry, and what tells whether it is due. */
export interface UnfinishedJob extends JobRow {
  /** When it could run first. */
  readonly due_at: string
  /** Of its session, else of the version that it was accepted with; null if that is unknown. */
  readonly timeout_ms: number | null
  /** Seconds. */
  readonly max_queue_age: number | null
}

export interface OverdueRequest {
  /** ISO 8601: jobs that could run before. */
  readonly pendingBefore: string
  readonly limit: number
  /** The last one of the page before this one. */
  readonly after?: Pick<UnfinishedJob, 'due_at' | 'id'> | undefined
}

/** A session's own holds, whatever the function says. */
const timeoutMs = sql<
  number | null
>`case when jobs.session_id is null then v.timeout_ms else s.timeout_ms end`

/** When it could run first. */
const dueAt = sql<string>`coalesce(jobs.run_at, jobs.accepted_at)`

/** Unfinished jobs of all owners that could run before a time, oldest first. */
export async function overdueJobs(
  db: Db,
  { pendingBefore, limit, after }: OverdueRequest,
): Promise<readonly UnfinishedJob[]> {
  let query = db
    .selectFrom('jobs')
    .leftJoin('function_versions as v', (join) =>
      join
        .onRef('v.function_id', '=', 'jobs.function_id')
        .onRef('v.version', '=', 'jobs.function_version'),
    )
    .select([...summary, 'jobs.result', 'jobs.input', dueAt.as('due_at')])
    .leftJoin('sessions as s', 's.id', 'jobs.session_id')
    .select([timeoutMs.as('timeout_ms'), 'v.max_queue_age'])
    .where('jobs.status', 'in', ['pending', 'running'])
    .where(dueAt, '<', pendingBefore)
    .orderBy(dueAt)
    .orderBy('jobs.id')
    .limit(limit)
  if (after !== undefined) {
    query = query.where(sql<boolean>`(${dueAt}, jobs.id) > (${after.due_at}, ${after.id})`)
  }
  return query.execute()
}
