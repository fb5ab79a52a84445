/** A run command as the sandbox wants it. */
import type { FunctionVersion } from '#events/functions.ts'
import type { RunJob } from '#events/jobs.ts'
import type { SessionOfJob } from '#events/sessions.ts'
import type { Run } from '#sandbox/contract.ts'

export function runOf(
  { data, traceparent = '' }: RunJob,
  { definition, version, owner, function_id }: FunctionVersion,
  attempt: number,
): Run {
  const { runtime, code, env = {}, memory_mb: memoryMb } = definition
  const { session, scheduled_for } = data
  const { timeout_ms: timeoutMs } = session?.context ?? definition
  return {
    program: { owner, functionId: function_id, version, runtime, code, env, memoryMb },
    event: JSON.stringify(data.input),
    context: {
      ...(session !== undefined && contextOf(session)),
      job_id: data.job_id,
      function_id,
      function_name: definition.name,
      function_version: version,
      attempt,
      deadline: new Date(Date.now() + timeoutMs).toISOString(),
      traceparent,
      ...(scheduled_for !== undefined && { scheduled_for }),
    },
    timeoutMs,
    fresh: session !== undefined,
  }
}

/** The client's own members; ours of the same name stand above them. */
function contextOf({ id, context: { retain_session, ...members } }: SessionOfJob) {
  return { ...members, session: { id, retain_session } }
}
