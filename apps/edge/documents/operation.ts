/**
 * What a route promises to whoever calls it: its part of the document of the API.
 *
 * A schema that several operations share has a `title` in PascalCase and is written once, under
 * `components`. What every route of its kind does (credentials, limits, the headers of all answers,
 * refusals of a body or a key) is added by `openapi.ts`: an operation tells its own part only.
 */
import type { TSchema } from 'typebox'

/** In the order in which the document shows them. */
export const TAGS = {
  chunks: 'Analyse chunks of text, and settle what was suggested.',
  functions: 'Define functions, and invoke them.',
  jobs: 'What became of an invocation.',
  lambda: 'Sessions that keep a process, and the catalogue of functions.',
  events: 'What happened, as it happens or from the log.',
  graphql: 'The read models, by one query.',
  auth: 'A token for a name and a password.',
  accounts: 'Users and API keys.',
  'dead letters': 'Messages that could not be acted upon.',
  operations: 'Is it well, and how busy is it.',
  documents: 'This document, and its siblings.',
} as const satisfies Readonly<Record<string, string>>

export type Tag = keyof typeof TAGS

export interface Operation {
  readonly summary: string
  readonly description?: string
  readonly tag: Tag
  /** One for each `:name` of its path. */
  readonly path?: Readonly<Record<string, Parameter>>
  readonly query?: Readonly<Record<string, Parameter>>
  readonly headers?: Readonly<Record<string, Parameter>>
  readonly body?: Content
  readonly answers: Readonly<Record<number, Told>>
  /** What it refuses besides what every route of its kind does, in the format of its surface. */
  readonly refuses?: Readonly<Partial<Record<RefusalStatus, string>>>
}

export type RefusalStatus =
  400 | 401 | 403 | 404 | 406 | 409 | 410 | 413 | 415 | 422 | 426 | 429 | 500 | 503 | 504

export interface Parameter {
  readonly schema: TSchema
  readonly description?: string
  readonly required?: true
}

export interface Content {
  readonly schema: TSchema
  /** By name. */
  readonly examples?: Readonly<Record<string, unknown>>
  /** `application/json` unless said. */
  readonly contentType?: string
  /** Of a body: it may not be left out unless this is false. */
  readonly required?: boolean
}

export interface Told {
  readonly description: string
  /** Several: the caller's Accept decides. */
  readonly content?: Content | readonly Content[]
  readonly headers?: Readonly<Record<string, Parameter>>
}
