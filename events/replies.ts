/**
 * Replies: what travels back to an inbox. The asker opens the inbox and names it in a header of the
 * command, since the message's own reply subject is the stream's acknowledgement.
 */
import type { JobError } from './jobs.ts'
import type { Json } from './json.ts'

export const REPLY_HEADER = 'Sluice-Reply'
/** Epoch milliseconds. Later than this nobody waits: a call must not be started any more. */
export const DEADLINE_HEADER = 'Sluice-Deadline'

/** `<function id>/<session id>`: whose turn a call of a retained session is. */
export const SESSION_HEADER = 'Sluice-Session'

interface Delivered {
  readonly headers?: { get(name: string): string } | undefined
}

/** Infinity if nothing was promised in time: only who waits for an answer sets one. */
export function deadlineOf({ headers }: Delivered): number {
  const deadline = headers?.get(DEADLINE_HEADER)
  return deadline === undefined || deadline === '' ? Infinity : Number(deadline)
}

export const isPastDeadline = (message: Delivered) => deadlineOf(message) < Date.now()

export interface FailureReply {
  readonly problem: { readonly code: string; readonly message: string; readonly details?: unknown }
}

/**
 * To a command that a handler decides: where on EVENTS the newest event of the decision stands, and
 * what became of the aggregate; it is left out where it is too large for a reply, or gone.
 */
export interface DecidedReply<Data = unknown> {
  readonly seq: number
  readonly data?: Data
}
export type CommandReply<Data = unknown> = DecidedReply<Data> | FailureReply

/** To a run: its end, or where the end stands on EVENTS if it is too large for a reply. */
export interface JobReply {
  readonly seq: number
  readonly end?: JobReplyEnd
}

export interface JobReplyEnd {
  readonly job_id: number
  readonly function_id: number
  readonly function_version: number
  readonly attempt: number
  readonly accepted_at: string
  readonly finished_at: string
  readonly duration_ms: number | null
  readonly result?: Json
  readonly error?: JobError
}

/** A reply beyond this is replaced by its place on EVENTS. */
export const REPLY_BYTES_MAX = 512 * 1024
