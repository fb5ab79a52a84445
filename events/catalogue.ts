/**
 * Every message of the streams: what it is called, what it carries, where it is said and by whom.
 * The document of the subjects is made of it, and the tests hold the log against it.
 *
 * Invariant: what is in a union of the language and not in here does not compile, nor does an entry
 * that no union has.
 */
import * as analyses from './analyses.ts'
import * as apiKeys from './api-keys.ts'
import * as checks from './checks.ts'
import * as functions from './functions.ts'
import * as jobs from './jobs.ts'
import * as keys from './keys.ts'
import * as letters from './letters.ts'
import type { Message } from './message.ts'
import * as schedules from './schedules.ts'
import * as sessions from './sessions.ts'
import { CALLS, COMMANDS, DEAD, EVENTS, KEYS } from './streams.ts'
import { subjects, type JobFact } from './subjects.ts'
import * as users from './users.ts'

export type ToldCommand =
  | analyses.RunAnalysis
  | analyses.SettleOptimization
  | apiKeys.ApiKeyCommand
  | checks.CheckSource
  | functions.FunctionCommand
  | jobs.CancelJob
  | jobs.RunJob
  | sessions.SessionCommand
  | users.UserCommand

export type ToldEvent =
  | analyses.ChunkEvent
  | apiKeys.ApiKeyEvent
  | apiKeys.ApiKeyUsed
  | functions.FunctionEvent
  | functions.FunctionNameEvent
  | jobs.JobCached
  | jobs.JobDelayed
  | jobs.JobEvent
  | jobs.JobReturned
  | schedules.ScheduleTicked
  | sessions.SessionEvent
  | users.UserEvent

export type Told =
  ToldCommand | ToldEvent | keys.KeyEvent | letters.DeadLetter | letters.LetterRedriven
export type ToldType = Told['type']

export type Teller = 'edge' | 'handler' | 'executor' | 'projector'

export interface Entry<Name extends string = string> {
  readonly message: Message<Name>
  readonly by: readonly Teller[]
  /** Subjects with their parameters in braces. */
  readonly on: readonly string[]
}

/** What varies in subjects. */
export const PARAMETERS = {
  functionId: { description: 'The number of a function.' },
  runtime: { description: 'The language of the function.', enum: functions.Runtime.enum },
  owner: { description: 'The owner, as a token.' },
  name: { description: 'The name of the function, as a token.' },
  username: { description: 'The name of the user, as a token.' },
  keyId: { description: 'The part of an API key that names it.' },
  executor: { description: 'The instance of an executor, as a token.' },
  kind: { description: 'What was analysed.', enum: analyses.AnalysisKind.enum },
  status: { description: 'What became of it.', enum: analyses.SettledStatus.enum },
  stream: { description: 'Where the message stood.', enum: [COMMANDS, CALLS, EVENTS] },
  consumer: { description: 'Who could not do it.' },
  letter: { description: 'Where the letter stands on DEAD.' },
  digest: { description: 'Of an owner and what they called the request.' },
} as const satisfies Readonly<
  Record<string, { readonly description: string; readonly enum?: readonly string[] }>
>
export type ParameterName = keyof typeof PARAMETERS

/** Every builder of subjects takes it for a token, and leaves it as it is. */
const any = (parameter: ParameterName) => `__${parameter}__` as never
const withBraces = (subject: string) => subject.replaceAll(/__(\w+?)__/g, '{$1}')

type Tellers = Teller | readonly Teller[]

const told = <Name extends string>(
  message: Message<Name>,
  by: Tellers,
  ...on: readonly string[]
): Entry<Name> => ({ message, by: typeof by === 'string' ? [by] : by, on: on.map(withBraces) })

/** A command that a handler decides. */
const asked = <Name extends string>(message: Message<Name>, by: Tellers) =>
  told(message, by, subjects.command(message.type))

const [functionId, runtime, username, keyId] = [
  any('functionId'),
  any('runtime'),
  any('username'),
  any('keyId'),
]
const ofJob = (fact: JobFact) => subjects.jobEvent(functionId, fact)
const functionName = subjects.functionName(any('owner'), any('name'))
const key = subjects.key(any('digest'))

export const CATALOGUE: { readonly [Name in ToldType]: Entry<Name> } = {
  'function.register': asked(functions.RegisterFunction, 'edge'),
  'function.update': asked(functions.UpdateFunction, 'edge'),
  'function.delete': asked(functions.DeleteFunction, 'edge'),
  'session.initialize': asked(sessions.InitializeSession, 'edge'),
  'session.close': asked(sessions.CloseSession, 'edge'),
  'job.cancel': asked(jobs.CancelJob, 'edge'),
  'user.create': asked(users.CreateUser, ['edge', 'handler']),
  'user.change': asked(users.ChangeUser, ['edge', 'handler']),
  'user.delete': asked(users.DeleteUser, 'edge'),
  'key.create': asked(apiKeys.CreateApiKey, 'edge'),
  'key.revoke': asked(apiKeys.RevokeApiKey, 'edge'),
  'analysis.run': asked(analyses.RunAnalysis, 'edge'),
  'optimization.settle': asked(analyses.SettleOptimization, 'edge'),
  'job.run': told(
    jobs.RunJob,
    ['edge', 'handler'],
    subjects.runJob(runtime, functionId),
    subjects.call(runtime, functionId),
    subjects.sessionCall(any('executor')),
  ),
  'source.check': told(checks.CheckSource, 'handler', subjects.check(runtime)),

  'function.registered': told(
    functions.FunctionRegistered,
    'handler',
    subjects.functionEvent(functionId, 'registered'),
  ),
  'function.updated': told(
    functions.FunctionUpdated,
    'handler',
    subjects.functionEvent(functionId, 'updated'),
  ),
  'function.deleted': told(
    functions.FunctionDeleted,
    'handler',
    subjects.functionEvent(functionId, 'deleted'),
  ),
  'function-name.claimed': told(functions.FunctionNameClaimed, 'handler', functionName),
  'function-name.released': told(functions.FunctionNameReleased, 'handler', functionName),

  'job.delayed': told(jobs.JobDelayed, ['edge', 'handler', 'executor'], ofJob('delayed')),
  'job.started': told(jobs.JobStarted, 'executor', ofJob('started')),
  'job.returned': told(jobs.JobReturned, 'executor', ofJob('returned')),
  'job.retrying': told(jobs.JobRetrying, 'executor', ofJob('retrying')),
  'job.succeeded': told(jobs.JobSucceeded, 'executor', ofJob('succeeded')),
  'job.failed': told(jobs.JobFailed, ['executor', 'handler'], ofJob('failed')),
  'job.cancelled': told(jobs.JobCancelled, ['executor', 'handler'], ofJob('cancelled')),
  'job.cached': told(jobs.JobCached, 'edge', ofJob('cached')),

  'session.initialized': told(
    sessions.SessionInitialized,
    'handler',
    subjects.sessionEvent(functionId, 'initialized'),
  ),
  'session.closed': told(
    sessions.SessionClosed,
    ['handler', 'executor'],
    subjects.sessionEvent(functionId, 'closed'),
  ),
  'schedule.ticked': told(schedules.ScheduleTicked, 'handler', subjects.scheduleTicked(functionId)),

  'analysis.completed': told(
    analyses.AnalysisCompleted,
    'handler',
    subjects.analysisCompleted(any('kind')),
  ),
  'optimization.settled': told(
    analyses.OptimizationSettled,
    'handler',
    subjects.optimizationSettled(any('status')),
  ),

  'user.created': told(users.UserCreated, 'handler', subjects.userEvent(username, 'created')),
  'user.changed': told(users.UserChanged, 'handler', subjects.userEvent(username, 'changed')),
  'user.deleted': told(users.UserDeleted, 'handler', subjects.userEvent(username, 'deleted')),
  'key.created': told(apiKeys.ApiKeyCreated, 'handler', subjects.apiKeyEvent(keyId, 'created')),
  'key.revoked': told(apiKeys.ApiKeyRevoked, 'handler', subjects.apiKeyEvent(keyId, 'revoked')),
  'key.used': told(apiKeys.ApiKeyUsed, 'edge', subjects.apiKeyUsed(keyId)),

  'dead.letter': told(
    letters.DeadLetter,
    ['handler', 'executor', 'projector'],
    subjects.dead(any('stream'), any('consumer')),
  ),
  'dead.redriven': told(letters.LetterRedriven, 'edge', subjects.redriven(any('letter'))),

  'key.held': told(keys.KeyHeld, 'edge', key),
  'key.answered': told(keys.KeyAnswered, 'edge', key),
  'key.released': told(keys.KeyReleased, 'edge', key),
}

const STREAMS: Readonly<Record<string, string>> = {
  cmd: COMMANDS,
  call: CALLS,
  evt: EVENTS,
  dead: DEAD,
  redriven: DEAD,
  key: KEYS,
}

/** The stream that keeps what is said on `subject`. */
export function streamOf(subject: string): string {
  const stream = STREAMS[subject.slice(0, subject.indexOf('.'))]
  if (stream === undefined) throw new Error(`no stream keeps ${subject}`)
  return stream
}
