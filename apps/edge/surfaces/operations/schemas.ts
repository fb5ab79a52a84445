/** What is asked and answered about dead letters. */
import Type, { type Static } from 'typebox'
import type { DeepReadonly } from '#events/message.ts'
import { Count, Id, List, Nullable, Time } from '../../http/shapes.ts'

export const PAGE_MAX = 100
export const PAGE_DEFAULT = 50
export const PURGED_MAX = 1_000
export const SEQ_MAX = Number.MAX_SAFE_INTEGER

const closed = { additionalProperties: false }

/** A name as it stands in a subject. */
export const TOKEN = '^[-\\w]{1,256}$'
export const Token = Type.String({ pattern: TOKEN })
export const After = Type.Integer({ minimum: 0, maximum: SEQ_MAX })
const again = Type.Optional(Type.Boolean({ description: 'Also what was redriven before.' }))

export const RedriveBody = Type.Object({ again }, { ...closed, title: 'Redrive' })
export type RedriveBody = Static<typeof RedriveBody>

export const RedriveManyBody = Type.Object(
  {
    ids: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1, maximum: SEQ_MAX }), {
        ...{ minItems: 1, maxItems: PAGE_MAX, uniqueItems: true },
        description: 'These, whatever the filter says; else a page of those that it lets through.',
      }),
    ),
    stream: Type.Optional(Token),
    consumer: Type.Optional(Token),
    code: Type.Optional(Token),
    after: Type.Optional(After),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX })),
    again,
  },
  { ...closed, title: 'RedriveMany' },
)
export type RedriveManyBody = Static<typeof RedriveManyBody>

export const RedrivenView = Type.Object(
  {
    id: Id('The letter.'),
    times: Id('How often it was redriven.'),
    job_id: Nullable(Id(), 'The job that it became; null: a command that was said again.'),
    at: Time(),
  },
  { title: 'Redriven' },
)
export type RedrivenView = DeepReadonly<Static<typeof RedrivenView>>

const letter = {
  id: Id('The letter.'),
  at: Time('When it was written.'),
  stream: Type.String({ description: 'Where the message stood.' }),
  consumer: Type.String({ description: 'Who could not do it.' }),
  seq: Count('Of the message on its stream.'),
  subject: Nullable(Type.String(), 'Null: the message is gone.'),
  deliveries: Count('How often the message was handed out.'),
  code: Type.String({ description: 'Stable, to filter by.' }),
  reason: Type.String(),
  redriven: Nullable(RedrivenView, 'The last time.'),
}

export const LetterView = Type.Object(letter, { title: 'DeadLetter' })
export type LetterView = DeepReadonly<Static<typeof LetterView>>

export const LetterDetails = Type.Object(
  {
    ...letter,
    headers: Type.Record(Type.String(), Type.String(), { description: 'Of the message.' }),
    payload: Nullable(Type.String(), 'The message itself; null: it is too large, or gone.'),
  },
  { title: 'DeadLetterDetails' },
)
export type LetterDetails = DeepReadonly<Static<typeof LetterDetails>>

const next = Nullable(After, 'Give it as `after` to go on; null: there is no more.')

export const LetterPage = Type.Object(
  { dead_letters: List(LetterView, 'Oldest first.'), next },
  { title: 'DeadLetterPage' },
)
export type LetterPage = DeepReadonly<Static<typeof LetterPage>>

export const RedrivenMany = Type.Object(
  {
    redriven: List(RedrivenView),
    refused: List(Type.Object({ id: Id(), code: Type.String(), message: Type.String() })),
    next,
  },
  { title: 'RedrivenMany' },
)
export type RedrivenMany = DeepReadonly<Static<typeof RedrivenMany>>

export const Purged = Type.Object({ purged: Count(), next }, { title: 'PurgedDeadLetters' })
export type Purged = Static<typeof Purged>
