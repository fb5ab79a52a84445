/** Dead letters, told. */
import Type from 'typebox'
import type { RouteName } from '../../access/routes.ts'
import type { Operation, Parameter } from '../../documents/operation.ts'
import { answer, Id } from '../../http/shapes.ts'
import {
  After,
  LetterDetails,
  LetterPage,
  PAGE_DEFAULT,
  PAGE_MAX,
  Purged,
  PURGED_MAX,
  RedriveBody,
  RedriveManyBody,
  RedrivenMany,
  RedrivenView,
  Token,
} from './schemas.ts'

const tag = 'dead letters'
const at = '2026-01-31T08:00:00.000Z'

const REDRIVEN = { id: 7, times: 1, job_id: 12345, at }
const LETTER = {
  ...{ id: 7, at, stream: 'COMMANDS', consumer: 'fn-1', seq: 4711 },
  ...{ subject: 'cmd.job.run.python.1', deliveries: 3, code: 'ATTEMPTS_EXHAUSTED' },
  ...{ reason: 'Each of its 3 attempts was lost.', redriven: null },
}

const id: Parameter = { schema: Id('The letter.'), required: true }

const filter = (limit: number, most: number): Readonly<Record<string, Parameter>> => ({
  stream: { schema: Token },
  consumer: { schema: Token },
  code: { schema: Token },
  after: { schema: After, description: 'Only letters behind this one.' },
  limit: { schema: Type.Integer({ minimum: 1, maximum: most, default: limit }) },
})

const unknown = 'A parameter that is none: a filter that is mistyped must not mean all letters.'
const refuses = { 400: unknown, 404: 'There is no such letter.' }
const gone =
  'The message is gone, is no work that could be done again, or somebody else redrives it.'

export const deadLetterOperations = {
  'GET /api/v1/dead-letters': {
    ...{ tag, summary: 'List the dead letters' },
    description: 'A page may be short, even empty, and yet have a `next`.',
    query: filter(PAGE_DEFAULT, PAGE_MAX),
    answers: { 200: answer('A page.', LetterPage, { dead_letters: [LETTER], next: null }) },
    refuses: { 400: unknown },
  },
  'DELETE /api/v1/dead-letters': {
    ...{ tag, summary: 'Throw dead letters away' },
    description: 'Those of a page of the filter.',
    query: filter(PURGED_MAX, PURGED_MAX),
    answers: { 200: answer('How many.', Purged, { purged: 1, next: null }) },
    refuses: { 400: unknown },
  },
  'GET /api/v1/dead-letters/:id': {
    ...{ tag, summary: 'Read a dead letter' },
    path: { id },
    answers: {
      200: answer('The letter.', LetterDetails, { ...LETTER, headers: {}, payload: '{}' }),
    },
    refuses,
  },
  'DELETE /api/v1/dead-letters/:id': {
    ...{ tag, summary: 'Throw a dead letter away' },
    path: { id },
    answers: { 204: { description: 'It is gone.' } },
    refuses,
  },
  'POST /api/v1/dead-letters/:id/redrive': {
    ...{ tag, summary: 'Put the work of a dead letter back' },
    description:
      'A run becomes a new job; another command is said again. What was redriven before is not, ' +
      'unless `again` asks for it.',
    path: { id },
    body: { schema: RedriveBody, required: false, examples: { example: { again: true } } },
    answers: { 200: answer('What it became.', RedrivenView, REDRIVEN) },
    refuses: { ...refuses, 404: 'There is no such letter, or its function is gone.', 409: gone },
  },
  'POST /api/v1/dead-letters/redrive': {
    ...{ tag, summary: 'Put the work of many dead letters back' },
    body: { schema: RedriveManyBody, examples: { example: { code: 'ATTEMPTS_EXHAUSTED' } } },
    answers: {
      200: answer('What became of each.', RedrivenMany, {
        redriven: [REDRIVEN],
        refused: [{ id: 8, code: 'CONFLICT', message: 'The message of letter 8 is gone.' }],
        next: null,
      }),
    },
    refuses: { 400: unknown },
  },
} as const satisfies Partial<Record<RouteName, Operation>>
