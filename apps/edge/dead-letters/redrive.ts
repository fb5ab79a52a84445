/**
 * Puts the work of a dead letter back: a run as a new job of the same function, event and owner,
 * through the same flow control as every other; any other command as the same message again.
 *
 * Invariants:
 * 1. A job has one end: the one that could not be done stays failed, and the new one names it.
 * 2. A letter is redriven once, unless it is asked for again. The new job's id is on DEAD before the
 *    job is accepted: whoever is cut off in between goes on with the same id.
 */
import { Problem } from '#domain/problem.ts'
import type { RunJob } from '#events/jobs.ts'
import type { Appender } from '#events/jetstream/append.ts'
import type { Ids } from '#events/jetstream/ids.ts'
import { isUnreadable, type Payloads } from '#events/jetstream/payloads.ts'
import { DEDUPE_WINDOW_MS } from '#events/streams.ts'
import { parseRun } from '#events/subjects.ts'
import { findJob } from '#projections/job-queries.ts'
import type { Agreement } from '../agreement.ts'
import { stored } from '../commands.ts'
import type { Definitions } from '../definitions.ts'
import type { Exchange } from '../http/exchange.ts'
import { NEW_EFFECT } from '../idempotency/effect.ts'
import type { Invocations } from '../invocations.ts'
import type { Queries } from '../queries.ts'
import type { DeadLetters, Letter, Redriven } from './letters.ts'

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

  const repeat = async (letter: Letter, payload: string, again: boolean, by: Exchange) => {
    const { subject, headers } = letter
    const before = await letters.redriven(letter.id)
    const goesOn = before !== undefined && !again
    // Later, the log could no longer tell whether it was said then.
    if (goesOn && Date.parse(before.data.at) + DEDUPE_WINDOW_MS / 2 < Date.now()) return before.data
    const redriven = goesOn ? before.data : redrivenNow(letter, before?.data, null)
    if (!goesOn) await letters.sayRedriven(redriven, before?.seq ?? 0, by.cause)
    // Said again inside the dedupe window, it is one message.
    const id = `redrive:${letter.id}:${redriven.times}`
    const own = Object.entries(headers).filter(([name]) => !name.startsWith('Nats-'))
    await stored(appender.append({ subject: subject ?? '', id, payload, headers: own }))
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
    const command = await runIn(letter, payload, payloads)
    if (command !== undefined) return redriveJob(letter, command, again, exchange)
    if (letter.subject.startsWith('cmd.')) return repeat(letter, payload, again, exchange)
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

/** The run that the message asks for, if somebody can read it by now. */
async function runIn(
  { subject, headers }: Letter,
  payload: string,
  payloads: Payloads,
): Promise<RunJob | undefined> {
  if (subject === null || parseRun(subject) === undefined) return undefined
  try {
    const get = (name: string) => headers[name] ?? ''
    const data = Buffer.from(payload)
    const command = await payloads.open<RunJob>({ data, headers: { get } as never })
    const { job_id, function_id, owner } = command.data
    const isRun = [job_id, function_id].every(Number.isSafeInteger) && typeof owner === 'string'
    return isRun ? command : undefined
  } catch (error) {
    if (isUnreadable(error) || error instanceof TypeError) return undefined
    throw error
  }
}
