/**
 * The functions API, part 2: invocations and the jobs that come of them.
 * Source: sections 2.1, 3.1 and 3.2 of its document; `Prefer` is RFC 7240.
 */
import { functionNotFound } from '#domain/function.ts'
import { excerpt, Problem } from '#domain/problem.ts'
import { JOB_STATUSES, type JobStatus } from '#events/jobs.ts'
import { findFunction } from '#projections/functions.ts'
import { findJob, findJobLogs, findJobPosition, pageOfJobs } from '#projections/job-queries.ts'
import { requireExecute } from '../../access/principal.ts'
import type { Agreement } from '../../knowledge/agreement.ts'
import type { BegunJobs } from '../../jobs/begun-jobs.ts'
import type { Definitions } from '../../knowledge/definitions.ts'
import { parseJson, readOptionalText } from '../../http/body.ts'
import type { Exchange, Router } from '../../http/exchange.ts'
import { wholeNumber } from '../../http/page.ts'
import { parsePrefer, preferenceApplied } from '../../http/prefer.ts'
import { jobNotFound, type CancelJob } from '../../jobs/job-commands.ts'
import { parseRunAt } from '../../http/run-at.ts'
import type { Invocations } from '../../jobs/invocations.ts'
import type { Queries } from '../../queries.ts'
import { success } from './dialect.ts'
import { idOf, staleness } from './functions.ts'
import {
  PAGE_MAX,
  PER_PAGE_MAX,
  type AcceptedJob,
  type EndedJob,
  type JobDetails,
  type JobLogs,
  type JobPage,
} from './job-schemas.ts'
import { acceptedJobView, endedJobView, jobDetails, jobView } from './views.ts'

/** An offset costs what it skips; a cursor does not. */
const OFFSET_ROWS_MAX = 10_000

export interface JobRoutesOptions {
  readonly definitions: Definitions
  readonly agreement: Agreement
  readonly invocations: Invocations
  readonly begunJobs: BegunJobs
  readonly cancelJob: CancelJob
  readonly queries: Queries
  /** How far away an invocation may be put off. */
  readonly laterMaxMs: number
}

export function jobRoutes(router: Router, options: JobRoutesOptions): void {
  const { definitions, agreement, invocations, begunJobs, cancelJob } = options
  const { queries, laterMaxMs } = options

  router.on('POST /functions/:function_id/invoke', async (exchange) => {
    const { principal } = exchange
    const id = idOf(exchange, 'function_id')
    const text = (await readOptionalText(exchange)) ?? '{}'
    const event = parseJson(text)
    const given = parsePrefer(exchange.header('prefer'))
    const runAt = parseRunAt(exchange, Date.now(), laterMaxMs)
    const wanted = runAt === undefined ? given : { ...given, waitMs: undefined, runAt }
    const invoke = () => {
      agreement.requirePresence()
      const defined = definitions.get(id, principal.owner)
      requireExecute(principal, defined.definition.runtime)
      defined.validateEvent?.(event, text.length)
      return invocations.invoke(defined, event, wanted, exchange)
    }
    const isNew = exchange.effect.before === undefined
    const begun = isNew ? undefined : await begunJobs.answer(principal.owner, wanted, exchange)
    const invoked = begun ?? (await invoke())
    const applied = preferenceApplied(wanted)
    const preference = applied === undefined ? undefined : { 'preference-applied': applied }
    if (invoked.kind === 'ended')
      return success<EndedJob>(200, endedJobView(invoked.end), preference)
    const { job } = invoked
    const location = `/jobs/${job.job_id}`
    return success<AcceptedJob>(202, acceptedJobView(job), { location, ...preference })
  })

  router.on('GET /jobs/:id', async (exchange) => {
    const { owner } = exchange.principal
    const id = idOf(exchange, 'id')
    const { value, fresh } = await queries.require(
      (db) => findJob(db, owner, id),
      () => jobNotFound(id),
    )
    return success<JobDetails>(200, jobDetails(value), staleness(fresh))
  })

  router.on('POST /jobs/:id/cancel', async (exchange) => {
    const { owner } = exchange.principal
    const id = idOf(exchange, 'id')
    const job = await cancelJob(owner, id, exchange.cause)
    return success<JobDetails>(200, jobDetails(job))
  })

  router.on('GET /jobs/:id/logs', async (exchange) => {
    const { owner } = exchange.principal
    const id = idOf(exchange, 'id')
    const { value, fresh } = await queries.require(
      (db) => findJobLogs(db, owner, id),
      () => jobNotFound(id),
    )
    const { logs, logs_truncated: truncated } = value
    return success<JobLogs>(200, { logs, truncated }, staleness(fresh))
  })

  router.on('GET /functions/:function_id/jobs', async (exchange) => {
    const { owner } = exchange.principal
    const id = idOf(exchange, 'function_id')
    const page = wholeNumber(exchange, 'page', 1, PAGE_MAX)
    const perPage = wholeNumber(exchange, 'per_page', PER_PAGE_MAX, PER_PAGE_MAX)
    if (page * perPage > OFFSET_ROWS_MAX) {
      const message = `Pages end after ${OFFSET_ROWS_MAX} jobs; go on with before=<job id>.`
      throw new Problem('INVALID_REQUEST', message, { field: 'page' })
    }
    const status = statusOf(exchange)
    const beforeId = beforeOf(exchange)
    // A deleted function's jobs stay readable.
    const { value, fresh } = await queries.require(
      async (db) => {
        const known = await findFunction(db, owner, id)
        if (known === undefined) return undefined
        const before =
          beforeId === undefined ? undefined : await findJobPosition(db, owner, id, beforeId)
        if (beforeId !== undefined && before === undefined) throw unknownCursor(beforeId)
        return pageOfJobs(db, owner, id, { page, perPage, status, before })
      },
      () => functionNotFound(id),
    )
    const { jobs, has_more } = value
    const last = jobs.at(-1)
    const next = has_more && last !== undefined ? { next_before: last.id } : undefined
    const body = { jobs: jobs.map(jobView), page, per_page: perPage, has_more, ...next }
    return success<JobPage>(200, body, staleness(fresh))
  })
}

function unknownCursor(id: number): Problem {
  const message = `before must name a job of this function; ${id} is none.`
  return new Problem('INVALID_REQUEST', message, { field: 'before', given: String(id) })
}

/** The id of the last job that the client has seen. */
function beforeOf({ query }: Exchange): number | undefined {
  const text = query('before')
  if (text === undefined) return undefined
  const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : NaN
  if (Number.isSafeInteger(id)) return id
  throw new Problem('INVALID_REQUEST', 'before must be the id of a job.', {
    field: 'before',
    given: excerpt(text),
  })
}

function statusOf({ query }: Exchange): JobStatus | undefined {
  const text = query('status')
  if (text === undefined) return undefined
  const status = JOB_STATUSES.find((candidate) => candidate === text)
  if (status !== undefined) return status
  throw new Problem('INVALID_REQUEST', `status must be one of ${JOB_STATUSES.join(', ')}.`, {
    field: 'status',
    given: excerpt(text),
  })
}
