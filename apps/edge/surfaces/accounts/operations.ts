/** Users and API keys, told. */
import Type from 'typebox'
import type { RouteName } from '../../access/routes.ts'
import type { Operation, Parameter } from '../../documents/operation.ts'
import { pageQuery } from '../../http/page.ts'
import { answer, STALE } from '../../http/shapes.ts'
import {
  KeyMade,
  KeyPage,
  NewKey,
  NewUser,
  UserChanges,
  Username,
  UserPage,
  UserView,
} from './schemas.ts'

const tag = 'accounts'
const created_at = '2026-01-31T08:00:00.000Z'

const ADA = {
  ...{ username: 'ada', owner: 'ada', scopes: ['execute:all', 'read:functions'] },
  ...{ created_at, updated_at: created_at },
}
const KEY = {
  ...{ id: '4fGh7Kq2Lm9Z', name: 'ci', scopes: ['execute:all'], last_four: 'x9Qz' },
  expires_at: '2027-01-31T08:00:00.000Z',
}

const username: Parameter = { schema: Username, required: true }
const location: Parameter = { schema: Type.String(), required: true, description: 'Its path.' }
const refuses = { 404: 'There is no such user.' }

export const accountOperations = {
  'GET /api/v1/users': {
    ...{ tag, summary: 'List the users' },
    query: pageQuery,
    answers: {
      200: answer(
        'A page of them.',
        UserPage,
        { users: [ADA], page: 1, per_page: 100, has_more: false },
        STALE,
      ),
    },
    refuses: { 400: 'A parameter that is none.' },
  },
  'POST /api/v1/users': {
    ...{ tag, summary: 'Make a user' },
    body: {
      schema: NewUser,
      examples: {
        example: {
          ...{ username: 'ada', password: 'correct horse battery' },
          scopes: ['execute:all', 'read:functions'],
        },
      },
    },
    answers: { 201: answer('The user.', UserView, ADA, { Location: location }) },
    refuses: { 404: 'Somebody has deleted them since.', 409: 'The name is taken.' },
  },
  'PATCH /api/v1/users/:username': {
    ...{ tag, summary: 'Change a user' },
    description: 'Their scopes, their password, or both. What they no longer may is so at once.',
    path: { username },
    body: { schema: UserChanges, examples: { example: { scopes: ['read:functions'] } } },
    answers: { 200: answer('The user.', UserView, { ...ADA, scopes: ['read:functions'] }) },
    refuses,
  },
  'DELETE /api/v1/users/:username': {
    ...{ tag, summary: 'Delete a user' },
    description: 'Their tokens and their keys are worth nothing from then on.',
    path: { username },
    answers: { 204: { description: 'They are gone.' } },
    refuses,
  },
  'GET /api/v1/keys': {
    ...{ tag, summary: 'List your API keys' },
    description: 'Newest first, those that are good for nothing any more as well.',
    query: pageQuery,
    answers: {
      200: answer(
        'A page of them.',
        KeyPage,
        {
          keys: [{ ...KEY, created_at, last_used_at: null, revoked_at: null, active: true }],
          ...{ page: 1, per_page: 100, has_more: false },
        },
        STALE,
      ),
    },
    refuses: { 400: 'A parameter that is none.' },
  },
  'POST /api/v1/keys': {
    ...{ tag, summary: 'Make an API key' },
    description: 'The key is told once, here.',
    body: {
      schema: NewKey,
      examples: { example: { name: 'ci', scopes: ['execute:all'], expires_at: null } },
    },
    answers: {
      201: answer(
        'The key.',
        KeyMade,
        { ...KEY, key: 'sluice_4fGh7Kq2Lm9Z_<43 characters of secret>_x9Qz00' },
        { Location: location },
      ),
    },
    refuses: {
      400: 'The time is not in the future.',
      401: 'Whoever asks is gone.',
      403: 'Nobody hands on more than they have.',
      409: 'A key that was asked for with this Idempotency-Key was made, but its secret is lost.',
    },
  },
  'DELETE /api/v1/keys/:key_id': {
    ...{ tag, summary: 'Revoke an API key' },
    path: { key_id: { schema: Type.String(), required: true } },
    answers: { 204: { description: 'It is good for nothing any more.' } },
    refuses: { 404: 'There is no such key.' },
  },
} as const satisfies Partial<Record<RouteName, Operation>>
