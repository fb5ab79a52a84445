/**
 * Source checks: a handler cannot run code, so it asks an executor whether source parses.
 * Asked on CALLS, answered on the asker's inbox; nothing is remembered.
 */
import Type from 'typebox'
import { Runtime } from './functions.ts'
import { message, type EnvelopeOf } from './message.ts'

export const CheckSource = message(
  'source.check',
  'Say whether this source parses.',
  Type.Object({ runtime: Runtime, code: Type.String() }),
)
export type CheckSource = EnvelopeOf<typeof CheckSource>

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
