/** The command that an invocation becomes. */
import { envelope, type Cause } from '#events/envelope.ts'
import { jobMessageId, type RunJob } from '#events/jobs.ts'
import type { Json } from '#events/json.ts'
import type { SessionOfJob } from '#events/sessions.ts'
import type { Defined } from '../knowledge/definitions.ts'
import type { KnownSession } from '../knowledge/sessions.ts'

export const SOURCE = 'sluice/edge'

export function runJob(defined: Defined, jobId: number, input: Json, cause: Cause): RunJob {
  const time = new Date().toISOString()
  return envelope(
    { source: SOURCE, time, cause },
    {
      id: jobMessageId.run(jobId),
      type: 'job.run',
      subject: String(defined.function_id),
      data: {
        job_id: jobId,
        function_id: defined.function_id,
        function_version: defined.version,
        definition_seq: defined.seq,
        runtime: defined.definition.runtime,
        owner: defined.owner,
        input,
        accepted_at: time,
      },
    },
  )
}

/** What a job tells of the session that it is an execution of. */
export function inJob({ session_id: id, context, expires_at }: KnownSession): SessionOfJob {
  return { id, context, expires_at }
}
