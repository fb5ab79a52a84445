/** What came of an invocation while its caller waited. */
import type { JobReplyEnd } from '#events/replies.ts'

export type Invoked =
  | { readonly kind: 'ended'; readonly end: JobReplyEnd }
  | { readonly kind: 'accepted'; readonly job: AcceptedJob }

export interface AcceptedJob {
  readonly job_id: number
  readonly function_id: number
  readonly function_version: number
  readonly accepted_at: string
  readonly run_at?: string
}
