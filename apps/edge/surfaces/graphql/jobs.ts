/** Fields of jobs. */
import { functionNotFound } from '#domain/function.ts'
import { Problem } from '#domain/problem.ts'
import type { JobStatus } from '#events/jobs.ts'
import { findFunction } from '#projections/functions.ts'
import { findJob, findJobLogs, findJobPosition, pageOfJobs } from '#projections/job-queries.ts'
import { jobNotFound } from '../../jobs/job-commands.ts'
import { jobDetails, jobView } from '../functions/views.ts'
import { as, type Asking } from './asking.ts'
import { cursor, pageIn, type PageArgs } from './pages.ts'

interface JobsArgs extends PageArgs {
  readonly status?: JobStatus | null
}
interface OfFunction {
  readonly function_id: number
}
interface Id {
  readonly id: number
}

export const jobFields = {
  Query: {
    jobs: as<unknown, OfFunction & JobsArgs>(
      'GET /functions/:function_id/jobs',
      (_, { function_id, ...args }, asking) => pageFor(function_id, args, asking),
    ),

    job: as<unknown, Id>('GET /jobs/:id', async (_, { id }, asking) => {
      const row = await asking.require(
        (db, owner) => findJob(db, owner, id),
        () => jobNotFound(id),
      )
      return jobDetails(row)
    }),
  },

  Function: {
    jobs: as<Id, JobsArgs>('GET /functions/:function_id/jobs', ({ id }, args, asking) =>
      pageFor(id, args, asking),
    ),
  },

  Job: {
    // A job of a list comes without it.
    input: as<Id & { readonly input?: unknown }, unknown>(
      'GET /jobs/:id',
      async (job, _, asking) => {
        if (job.input !== undefined) return job.input
        const row = await asking.require(
          (db, owner) => findJob(db, owner, job.id),
          () => jobNotFound(job.id),
        )
        return row.input
      },
    ),

    logs: as<Id, unknown>('GET /jobs/:id/logs', async ({ id }, _, asking) => {
      const { logs, logs_truncated: truncated } = await asking.require(
        (db, owner) => findJobLogs(db, owner, id),
        () => jobNotFound(id),
      )
      return { logs, truncated }
    }),
  },
}

async function pageFor(functionId: number, { status, ...args }: JobsArgs, asking: Asking) {
  const { first, after } = pageIn(args)
  const { jobs, has_more } = await asking.require(
    async (db, owner) => {
      const known = await findFunction(db, owner, functionId)
      if (known === undefined) return undefined
      const before =
        after === undefined ? undefined : await findJobPosition(db, owner, functionId, after)
      if (after !== undefined && before === undefined) throw unknownCursor(after)
      const request = { page: 1, perPage: first, status: status ?? undefined, before }
      return pageOfJobs(db, owner, functionId, request)
    },
    () => functionNotFound(functionId),
  )
  return { jobs: jobs.map(jobView), ...cursor(jobs.at(-1)?.id, has_more) }
}

function unknownCursor(id: number): Problem {
  const message = `after must name a job of this function; ${id} is none.`
  return new Problem('INVALID_REQUEST', message, { field: 'after', given: String(id) })
}
