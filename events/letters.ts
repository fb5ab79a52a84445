/** The language of dead letters: what could not be done, and that somebody has put its work back. */
import Type from 'typebox'
import { message, nullable, timestamp, type EnvelopeOf } from './message.ts'

export const DeadLetter = message(
  'dead.letter',
  'A message could not be acted upon, and nobody will try again by itself.',
  Type.Object({
    stream: Type.String({ description: 'Where the message stood.' }),
    consumer: Type.String({ description: 'Who could not do it.' }),
    seq: Type.Integer({ description: 'Where on the stream it stood.' }),
    subject: Type.String(),
    deliveries: Type.Integer({ description: 'How often it was tried.' }),
    code: Type.Optional(
      Type.String({ description: 'Stable, for programs; letters of old have none.' }),
    ),
    reason: Type.String({ description: 'For people.' }),
    headers: Type.Record(Type.String(), Type.String(), {
      description: "The message's own, without the server's; one may say where the payload lies.",
    }),
    payload: nullable(
      Type.String(),
      'The message itself if it is of moderate size; else it is found by stream and seq.',
    ),
  }),
)
export type DeadLetter = EnvelopeOf<typeof DeadLetter>

/** The newest one counts. */
export const LetterRedriven = message(
  'dead.redriven',
  'Somebody has put the work of a letter back.',
  Type.Object({
    letter: Type.Integer({ description: 'Where the letter stands on DEAD.' }),
    times: Type.Integer({ description: 'Counts from 1.' }),
    job_id: nullable(
      Type.Integer(),
      'The job that it became; null: it was a command that was said again.',
    ),
    at: timestamp('When.'),
  }),
)
export type LetterRedriven = EnvelopeOf<typeof LetterRedriven>
