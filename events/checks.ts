/**
 * Source checks: a handler cannot run code, so it asks an executor whether source parses.
 * Asked on CALLS, answered on the asker's inbox; nothing is remembered.
 */
import type { Envelope } from './envelope.ts'
import type { Runtime } from './functions.ts'

export type CheckSource = Envelope<
  'source.check',
  { readonly runtime: Runtime; readonly code: string }
>

export type SourceChecked =
  | { readonly verdict: 'ok' }
  | {
      readonly verdict: 'refused'
      readonly message: string
      readonly line?: number
      readonly column?: number
    }
  /** The runtime cannot be used on this machine. */
  | { readonly verdict: 'unavailable'; readonly message: string }
