/**
 * Puts the work of a dead letter back: a run as a new job of the same function, event and owner,
 * through the same flow control as every other; any other command as it was, with a new deadline.
 *
 * Invariants:
 * 1. A job has one end: the one that could not be done stays failed, and the new one names it.
 * 2. A letter is redriven once, unless it is asked for again. The new job's id is on DEAD before the
 *    job is accepted: whoever is cut off in between goes on with the same id.
 */
import { Problem } from '#domain/problem.ts'
import type { Envelope } from '#events/envelope.ts'
import type { RunJob } from '#events/jobs.ts'
import type { Appender } from '#events/jetstream/append.ts'
import type { Ids } from '#events/jetstream/ids.ts'
import { isUnreadable, type Payloads, type Sealed } from '#events/jetstream/payloads.ts'
import { DEDUPE_WINDOW_MS } from '#events/streams.ts'
import { parseRun } from '#events/subjects.ts'
import { findJob } from '#projections/job-queries.ts'
import type { Agreement } from '../knowledge/agreement.ts'
import { stored } from '../commands.ts'
import type { Definitions } from '../knowledge/definitions.ts'
import type { Exchange } from '../http/exchange.ts'
import { NEW_EFFECT } from '../idempotency/effect.ts'
import type { Invocations } from '../jobs/invocations.ts'
import type { Queries } from '../queries.ts'
import type { DeadLetters, Letter, Redriven } from './letters.ts'

/**
 * Nobody waits for the answer, but whoever redrives is told that the work is put back: also a handler
 * that is away until tomorrow must act on it.
 */
const DECIDE_WITHIN_MS = 86_400_000

export interface RedriveOptions {
  readonly letters: DeadLetters
  readonly payloads: Payloads
  readonly appender: Appender
  readonly agreement: Agreement
  readonly definitions: Definitions
  readonly invocations: Invocations
  readonly queries: Queries
  readonly jobIds: Ids
}

/** `again`: also if it was done before. */
export type Redrive = (letter: Letter, again: boolean, exchange: Exchange) => Promise<Redriven>

export function createRedrive(options: RedriveOptions): Redrive {
  const { letters, payloads, appender, agreement, definitions, invocations } = options
  const { queries, jobIds } = options

  const redriveJob = async (letter: Letter, command: RunJob, again: boolean, by: Exchange) => {
    const { job_id: redrivenFrom, function_id, owner, input } = command.data
    const before = await letters.redriven(letter.id)
    if (before !== undefined && !again) {
      const { job_id: begun } = before.data
      const job = begun === null ? null : await queries.find((db) => findJob(db, owner, begun))
      if (job !== undefined) return before.data
    }
    agreement.requirePresence()
    const defined = definitions.get(function_id, owner)
    defined.validateEvent?.(input, JSON.stringify(input).length)
    const goesOn = before !== undefined && !again
    const redriven = goesOn ? before.data : redrivenNow(letter, before?.data, await jobIds.take())
    const { job_id } = redriven
    if (!goesOn) await letters.sayRedriven(redriven, before?.seq ?? 0, by.cause)
    const effect = { ...NEW_EFFECT, newId: () => job_id as never }
    const wanted = { respondAsync: true, waitMs: undefined, redrivenFrom }
    await invocations.invoke(defined, input, wanted, { ...by, effect })
    return redriven
  }

  const repeat = async (letter: Letter, said: Repeatable, again: boolean, by: Exchange) => {
    const before = await letters.redriven(letter.id)
    const goesOn = before !== undefined && !again
    // Later, the log could no longer tell whether it was said then.
    if (goesOn && Date.parse(before.data.at) + DEDUPE_WINDOW_MS / 2 < Date.now()) return before.data
    const redriven = goesOn ? before.data : redrivenNow(letter, before?.data, null)
    if (!goesOn) await letters.sayRedriven(redriven, before?.seq ?? 0, by.cause)
    // Said again inside the dedupe window, it is one message.
    const id = `redrive:${letter.id}:${redriven.times}`
    const sealed = await stored(renewed(said, payloads))
    await stored(appender.append({ ...sealed, subject: letter.subject ?? '', id }))
    return redriven
  }

  return async (letter, again, exchange) => {
    const payload = await letters.payloadOf(letter)
    if (payload === undefined || letter.subject === null) {
      throw new Problem('CONFLICT', `The message of letter ${letter.id} is gone.`)
    }
    if (letter.consumer === 'projector' || !/^(cmd|call)\./.test(letter.subject)) {
      throw new Problem('CONFLICT', `Letter ${letter.id} is no work that could be done again.`)
    }
    const { headers, subject } = letter
    const command = await opened(payload, headers, payloads)
    const isRun = parseRun(subject) !== undefined
    if (isRun && asksForRun(command)) return redriveJob(letter, command, again, exchange)
    const said = { command, payload, headers }
    if (subject.startsWith('cmd.')) return repeat(letter, said, again, exchange)
    throw new Problem('CONFLICT', `Letter ${letter.id} is a call that nobody waits for.`)
  }
}

function redrivenNow(
  { id }: Letter,
  before: Redriven | undefined,
  job_id: number | null,
): Redriven {
  return { letter: id, times: (before?.times ?? 0) + 1, job_id, at: new Date().toISOString() }
}

type Command = Envelope<string, object>

interface Repeatable {
  readonly command: Command | undefined
  readonly payload: string
  readonly headers: Letter['headers']
}

/** What the message says, if somebody can read it by now. */
async function opened(
  payload: string,
  headers: Letter['headers'],
  payloads: Payloads,
): Promise<Command | undefined> {
  try {
    const get = (name: string) => headers[name] ?? ''
    const data = Buffer.from(payload)
    const command = await payloads.open<Envelope>({ data, headers: { get } as never })
    return hasData(command) ? command : undefined
  } catch (error) {
    if (isUnreadable(error)) return undefined
    throw error
  }
}

/** Anything may lie there that is JSON. */
function hasData(command: Envelope | null): command is Command {
  return typeof command?.data === 'object' && command.data !== null
}

function asksForRun(command: Command | undefined): command is RunJob {
  const { job_id, function_id, owner } = (command as RunJob | undefined)?.data ?? {}
  return [job_id, function_id].every(Number.isSafeInteger) && typeof owner === 'string'
}

/** Handlers do not act on a command past its deadline, and that of a dead letter is. */
function renewed(said: Repeatable, payloads: Payloads): Promise<Sealed> | Sealed {
  const { command, payload } = said
  if (command === undefined || !('deadline' in command.data)) {
    const headers = Object.entries(said.headers).filter(([name]) => !name.startsWith('Nats-'))
    return { payload, headers }
  }
  const deadline = new Date(Date.now() + DECIDE_WITHIN_MS).toISOString()
  return payloads.seal({ ...command, data: { ...command.data, deadline } }, 'as-long-as-the-log')
}
