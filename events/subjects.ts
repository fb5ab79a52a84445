/**
 * Every subject of the house, built and parsed here and nowhere else.
 *
 * Invariants:
 * 1. A token matches `^[-\w]+$`.
 * 2. The number of subjects stays bounded: a function id is a token, a job id never is (the server
 *    keeps some 380 bytes for each subject that it has seen). Those of KEYS go after a day.
 */
import type { AnalysisKind, SettledStatus } from './analyses.ts'
import type { Runtime } from './functions.ts'

export type FunctionVerb = 'register' | 'update' | 'delete'
export type FunctionFact = 'registered' | 'updated' | 'deleted'
export type JobFact =
  'delayed' | 'started' | 'returned' | 'retrying' | 'succeeded' | 'failed' | 'cancelled' | 'cached'
export type SessionFact = 'initialized' | 'closed'
export type UserFact = 'created' | 'changed' | 'deleted'
export type ApiKeyFact = 'created' | 'revoked'

export const subjects = {
  runJob: (runtime: Runtime, functionId: number) => `cmd.job.run.${runtime}.${functionId}`,
  /** What a handler decides: its name is `<aggregate>.<verb>`. Runs have two tokens more. */
  command: (name: string) => `cmd.${name}`,
  call: (runtime: Runtime, functionId: number) => `call.${runtime}.${functionId}`,
  check: (runtime: Runtime) => `call.${runtime}.check`,
  /** Executions of the sessions whose processes this executor holds. */
  sessionCall: (executor: string) => `call.session.${token(executor)}`,
  functionEvent: (functionId: number, fact: FunctionFact) => `evt.function.${functionId}.${fact}`,
  functionName: (owner: string, name: string) => `evt.function-name.${token(owner)}.${token(name)}`,
  jobEvent: (functionId: number, fact: JobFact) => `evt.job.${functionId}.${fact}`,
  sessionEvent: (functionId: number, fact: SessionFact) => `evt.session.${functionId}.${fact}`,
  userEvent: (username: string, fact: UserFact) => `evt.user.${token(username)}.${fact}`,
  apiKeyEvent: (keyId: string, fact: ApiKeyFact) => `evt.key.${keyId}.${fact}`,
  /** Apart from the others: it expires, and nobody decides or answers by it. */
  apiKeyUsed: (keyId: string) => `evt.key-use.${keyId}.used`,
  /** Few subjects: what was analysed and what was suggested are in the message. */
  analysisCompleted: (kind: AnalysisKind) => `evt.analysis.${kind}.completed`,
  optimizationSettled: (status: SettledStatus) => `evt.optimization.${status}.settled`,
  scheduleTicked: (functionId: number) => `evt.schedule.${functionId}.ticked`,
  dead: (stream: string, consumer: string) => `dead.${stream}.${consumer}`,
  /** Which letter was redriven; it goes with the letter. */
  redriven: (letter: number) => `redriven.${letter}`,
  /** `digest` is of an owner and what they called the request: a token that tells nothing. */
  key: (digest: string) => `key.${digest}`,
} as const

/** Subjects with wildcards, as consumers filter by them. */
export const filters = {
  commands: 'cmd.>',
  decided: 'cmd.*.*',
  runJobs: 'cmd.job.run.>',
  runJobsOf: (functionId: number) => `cmd.job.run.*.${functionId}`,
  calls: 'call.>',
  events: 'evt.>',
  /** As narrow as a reader of many kinds of event can say it; undefined: any. */
  eventsOf: (aggregate = '*', functionId: number | '*' = '*', fact = '*') =>
    `evt.${aggregate}.${functionId}.${fact}`,
  functionEvents: 'evt.function.*.*',
  functionEventsOf: (functionId: number) => `evt.function.${functionId}.*`,
  sessionEvents: 'evt.session.*.*',
  sessionsClosed: 'evt.session.*.closed',
  jobEventsOf: (functionId: number) => `evt.job.${functionId}.*`,
  cancelledJobs: 'evt.job.*.cancelled',
  delayedJobs: 'evt.job.*.delayed',
  userEvents: 'evt.user.*.*',
  userEventsOf: (username: string) => `evt.user.${token(username)}.*`,
  apiKeyEvents: 'evt.key.*.*',
  apiKeyEventsOf: (keyId: string) => `evt.key.${keyId}.*`,
  scheduleTicks: 'evt.schedule.*.ticked',
  dead: 'dead.>',
  deadOf: (stream: string, consumer: string) => [
    `dead.${stream}.${consumer}`,
    `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream}.${consumer}`,
  ],
  redriven: 'redriven.*',
  keys: 'key.*',
  maxDeliveries: '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>',
} as const

/** Core NATS subjects: said once to whoever listens, never stored. */
export const signals = {
  /** The projector, each time it has come further: how far, on each stream. */
  projected: 'ops.projected',
  /** Asked of the projector: say it again. */
  whereProjected: 'ops.projected.ask',
  /** Every edge, after each event that it answers from: how far it has come. */
  defined: 'ops.defined',
  /** Every process, once a second. */
  presence: 'ops.presence',
  /** Asked of every process: its metrics in the Prometheus text format. */
  metrics: 'ops.metrics',
} as const

export interface FunctionSubject {
  readonly functionId: number
  readonly fact: FunctionFact
}

export function parseFunctionEvent(subject: string): FunctionSubject | undefined {
  const match = /^evt\.function\.(\d+)\.(registered|updated|deleted)$/.exec(subject)
  if (!match) return undefined
  return { functionId: Number(match[1]), fact: match[2] as FunctionFact }
}

/** What `subjects` makes of an event, without what stands behind it: `<aggregate>.<fact>`. */
export function parseEventType(subject: string): string | undefined {
  const match = /^evt\.([-\w]+)\.[-\w]+\.([-\w]+)$/.exec(subject)
  return match === null ? undefined : `${match[1]}.${match[2]}`
}

/** The username's token, in a subject of `userEvents`; the key's id, in one of `apiKeyEvents`. */
export function aggregateTokenOf(subject: string): string | undefined {
  return /^evt\.(?:user|key)\.([-\w]+)\.\w+$/.exec(subject)?.[1]
}

/** The function and runtime that a run command or a call names. */
export function parseRun(subject: string): { runtime: Runtime; functionId: number } | undefined {
  const match = /^(?:cmd\.job\.run|call)\.(\w+)\.(\d+)$/.exec(subject)
  if (!match) return undefined
  return { runtime: match[1] as Runtime, functionId: Number(match[2]) }
}

/**
 * One token for any text. What is a token already stays readable; all else becomes base64url behind
 * `--`, and so does what starts with `--` itself, so that no two texts share a token.
 */
export function token(text: string): string {
  if (/^(?!--)[-\w]+$/.test(text)) return text
  return `--${Buffer.from(text, 'utf8').toString('base64url')}`
}
