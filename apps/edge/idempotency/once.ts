/**
 * Requests with an Idempotency-Key: one effect, and one answer for all who ask.
 *
 * Invariants:
 * 1. While a request is in progress nobody else starts it. Whoever finds its lease over goes on with
 *    the same id, and looks first what is there.
 * 2. Kept is what is certain: an answer, or a refusal after the effect could begin. A refusal before
 *    that, or for the request's own form, frees the key. What may or may not have happened is left to
 *    whoever asks again.
 * 3. What was done is answered, even if it can no longer be kept.
 */
import { Problem, type ProblemCode } from '#domain/problem.ts'
import type { CreatedId, KeyAnswered } from '#events/keys.ts'
import { KEYS } from '#events/streams.ts'
import type { Log } from '#runtime/log.ts'
import { readAhead } from '../http/body.ts'
import {
  asProblem,
  isWhole,
  type Answer,
  type Exchange,
  type Handle,
  type WholeAnswer,
} from '../http/exchange.ts'
import type { LogRoom } from '../log-room.ts'
import { HeldKey, KeyInProgress } from './held-key.ts'
import { inClear, keepSecret } from './keeping.ts'
import type { KeyLog } from './key-log.ts'
import { digestOf, KEY_HEADER, parseKey } from './request.ts'

/** The request itself is to be mended, or sent by somebody else. */
const ABOUT_THE_REQUEST: ReadonlySet<ProblemCode> = new Set([
  'INVALID_REQUEST',
  'INVALID_JSON',
  'INVALID_PARAMS',
  'CODE_INVALID',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'UNSUPPORTED_MEDIA_TYPE',
  'PAYLOAD_TOO_LARGE',
])

export interface OnceOptions {
  readonly keys: KeyLog
  readonly room: LogRoom
  /** Undefined: nothing secret can be kept here. */
  readonly pepper: string | undefined
  readonly log: Log
}

export interface Telling {
  /** Of what must not be read on the log. */
  readonly isSecret: boolean
  /** How its surface tells a problem. */
  readonly render: (problem: Problem) => WholeAnswer
}

/** Answers a request that carries a key. */
export type AnswerOnce = (exchange: Exchange, handle: Handle, telling: Telling) => Promise<Answer>

export function createOnce(options: OnceOptions): AnswerOnce {
  const { log, room, pepper } = options
  const secretly = pepper === undefined ? undefined : keepSecret(pepper)

  return async (exchange, handle, { isSecret, render }) => {
    const { principal, requestId } = exchange
    const key = parseKey(exchange.header(KEY_HEADER) ?? '')
    const keeping = isSecret ? secretly : inClear
    if (keeping === undefined) throw nothingSecretHere()
    const fingerprint = keeping.fingerprint(exchange, await readAhead(exchange))
    room.require([KEYS])
    const digest = digestOf(principal.owner, key)
    const sealed = ({ body, ...rest }: WholeAnswer): WholeAnswer =>
      body === undefined ? rest : { ...rest, body: keeping.seal(body, digest) }
    const taken = await take(exchange, digest, fingerprint, options)
    if (!(taken instanceof HeldKey)) return replay(taken, (kept) => keeping.open(kept, digest))
    using held = taken
    const unlessLost = async (saying: Promise<void>) => {
      try {
        await saying
      } catch (error) {
        log.warn('key_not_settled', { requestId, error })
      }
    }
    let answer: Answer
    try {
      answer = await handle({ ...exchange, effect: held })
    } catch (error) {
      const problem = asProblem(error)
      await unlessLost(settle(held, problem, () => sealed(render(problem))))
      throw problem
    }
    await unlessLost(isWhole(answer) ? held.answered(sealed(answer)) : held.handOn())
    return answer
  }
}

async function settle(held: HeldKey, problem: Problem, rendered: () => WholeAnswer): Promise<void> {
  const { code, retryable } = problem
  if (held.before === undefined && (!held.mayHaveBegun || ABOUT_THE_REQUEST.has(code))) {
    return held.release()
  }
  if (retryable || code === 'INTERNAL' || problem instanceof KeyInProgress) return held.handOn()
  return held.answered(rendered())
}

async function take(
  { cause }: Exchange,
  digest: string,
  fingerprint: string,
  { keys, log }: OnceOptions,
): Promise<HeldKey | KeyAnswered['data']> {
  let seq = 0
  let before: CreatedId | null = null
  for (;;) {
    const held = await HeldKey.take(keys, log, { digest, fingerprint, cause, seq, before })
    if (held !== undefined) return held
    const newest = await keys.newest(digest)
    seq = newest?.seq ?? 0
    before = null
    if (newest === undefined || newest.event.type === 'key.released') continue
    const { type, data } = newest.event
    if (data.fingerprint !== fingerprint) throw keyReused()
    if (type === 'key.answered') return data
    if (Date.parse(data.lease_until) > Date.now()) throw new KeyInProgress()
    before = data.created_id
  }
}

function replay(
  { status, headers, body }: KeyAnswered['data'],
  open: (kept: string) => string,
): Answer {
  const told = { ...headers, 'idempotency-replayed': 'true' }
  return { status, headers: told, ...(body !== null && { body: open(body) }) }
}

function nothingSecretHere(): Problem {
  const message = 'No API_KEY_PEPPER is set here, so this answer cannot be kept for a key.'
  return new Problem('UNAVAILABLE', message, { field: 'Idempotency-Key' })
}

function keyReused(): Problem {
  const message = 'This Idempotency-Key came with another request before.'
  return new Problem('KEY_REUSED', message, { field: 'Idempotency-Key' })
}
