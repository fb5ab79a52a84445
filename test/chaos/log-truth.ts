/**
 * What the log says, read with nothing of the platform's own readers: each job's ends and starts,
 * each function's versions, who holds each name, and what is among the dead letters.
 */
import { DeliverPolicy, jetstream, jetstreamManager, type JsMsg } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'

export interface LoggedEnd {
  readonly seq: number
  readonly status: 'success' | 'failed'
  readonly result: unknown
  readonly attempt: number
  readonly code: string | undefined
}

export interface LoggedJob {
  readonly jobId: number
  readonly functionId: number
  /** The number of the attempt that it was accepted from. */
  readonly n: number
  /** In stream order; the first one counts. */
  readonly ends: LoggedEnd[]
  /** Attempts that were recorded as started. */
  readonly starts: number[]
}

export interface LoggedFunction {
  name: string
  version: number
  deleted: boolean
}

export interface LogTruth {
  readonly jobs: ReadonlyMap<number, LoggedJob>
  readonly functions: ReadonlyMap<number, LoggedFunction>
  /** The function that holds a name, by the name's own events. */
  readonly names: ReadonlyMap<string, number>
  /** Jobs that have a dead letter. */
  readonly buried: ReadonlySet<number>
}

interface Said {
  readonly type: string
  readonly data: {
    readonly job_id: number
    readonly function_id: number
    readonly input?: { readonly n?: number }
    readonly attempt: number
    readonly result?: unknown
    readonly error?: { readonly code: string }
    readonly name?: string
    readonly version?: number
    readonly definition?: { readonly name: string }
    readonly payload?: string | null
  }
}

export async function readLog(natsUrl: string): Promise<LogTruth> {
  const { host, username: user, password: pass } = new URL(natsUrl)
  const nc = await connect({ servers: host, ...(user !== '' && { user, pass }) })
  const truth = {
    jobs: new Map<number, LoggedJob>(),
    functions: new Map<number, LoggedFunction>(),
    names: new Map<string, number>(),
    buried: new Set<number>(),
  }
  try {
    for await (const message of everything(nc, 'EVENTS')) noteEvent(truth, message)
    for await (const message of everything(nc, 'DEAD')) noteDead(truth.buried, message)
  } finally {
    await nc.close()
  }
  return truth
}

async function* everything(
  nc: Awaited<ReturnType<typeof connect>>,
  stream: string,
): AsyncGenerator<JsMsg> {
  const { messages } = (await (await jetstreamManager(nc)).streams.info(stream)).state
  if (messages === 0) return
  const consumer = await jetstream(nc).consumers.get(stream, { deliver_policy: DeliverPolicy.All })
  const delivered = await consumer.consume()
  for await (const message of delivered) {
    yield message
    if (message.info.pending === 0) break
  }
}

type Writable = {
  readonly jobs: Map<number, LoggedJob>
  readonly functions: Map<number, LoggedFunction>
  readonly names: Map<string, number>
}

/** What says nothing of how a job ended or how a function stands. */
const BESIDE = /^(?:(?:user|key|session|schedule)\.|job\.(?:returned|retrying|cached)$)/

function noteEvent({ jobs, functions, names }: Writable, message: JsMsg): void {
  const { type, data } = message.json<Said>()
  const { function_id: functionId } = data
  switch (type) {
    case 'job.returned':
    case 'job.delayed':
    case 'job.retrying':
      return
    case 'job.started':
      jobOf(jobs, data).starts.push(data.attempt)
      return
    case 'job.succeeded':
    case 'job.failed':
    case 'job.cancelled': {
      const status = type === 'job.succeeded' ? 'success' : 'failed'
      const { result = null, attempt, error } = data
      jobOf(jobs, data).ends.push({ seq: message.seq, status, result, attempt, code: error?.code })
      return
    }
    case 'function.registered':
    case 'function.updated': {
      const { version = 0, definition } = data
      functions.set(functionId, { name: definition?.name ?? '', version, deleted: false })
      return
    }
    case 'function.deleted': {
      const before = functions.get(functionId)
      if (before !== undefined) before.deleted = true
      return
    }
    case 'function-name.claimed':
      names.set(data.name ?? '', functionId)
      return
    case 'function-name.released':
      if (names.get(data.name ?? '') === functionId) names.delete(data.name ?? '')
      return
    default:
      if (BESIDE.test(type)) return
      throw new Error(`the log holds a ${type}, which this reader does not know`)
  }
}

function jobOf(jobs: Map<number, LoggedJob>, data: Said['data']): LoggedJob {
  const { job_id: jobId, function_id: functionId, input } = data
  let job = jobs.get(jobId)
  if (job === undefined) {
    job = { jobId, functionId, n: input?.n ?? 0, ends: [], starts: [] }
    jobs.set(jobId, job)
  }
  return job
}

function noteDead(buried: Set<number>, message: JsMsg): void {
  if (!message.subject.startsWith('dead.')) return
  const { data } = message.json<Said>()
  if (typeof data.payload !== 'string') return
  buried.add((JSON.parse(data.payload) as Said).data.job_id)
}
