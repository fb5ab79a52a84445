/** What came of an invocation while its caller waited. */
import type { JobReplyEnd } from '#events/replies.ts'
import type { Exchange } from '../http/exchange.ts'

/** Whose invocation it is. */
export type Caller = Pick<Exchange, 'requestId' | 'cause' | 'whenGone' | 'effect'>

export type Invoked =
  | { readonly kind: 'ended'; readonly end: JobReplyEnd }
  | { readonly kind: 'accepted'; readonly job: AcceptedJob }

export interface AcceptedJob {
  readonly job_id: number
  readonly function_id: number
  readonly function_version: number
  readonly accepted_at: string
  readonly run_at?: string
  /** Among the function's jobs that had not ended, from 1; null: unknown, or no longer true. */
  readonly queue_position: number | null
  /** ISO 8601. */
  readonly expected_start: string | null
}
