/** What is asked and answered about users and API keys; a secret is told once, when it is made. */
import Type, { type Static } from 'typebox'
import type { DeepReadonly } from '#events/message.ts'
import { PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN } from '#runtime/passwords.ts'
import { SCOPES } from '../../access/principal.ts'
import { paged } from '../../http/page.ts'
import { List, Nullable, Time } from '../../http/shapes.ts'

/** RFC 3339. */
const TIME = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?(Z|[+-]\\d\\d:\\d\\d)$'
/** An e-mail address is one; a colon is none, since `key:…` names a key. */
export const USERNAME = '^[A-Za-z0-9][\\w.@+-]{0,127}$'

const closed = { additionalProperties: false }

export const Username = Type.String({ pattern: USERNAME })
const Password = Type.String({
  description: `${PASSWORD_BYTES_MIN} to ${PASSWORD_BYTES_MAX} bytes.`,
})
const ScopeName = Type.Enum([...SCOPES])
const Scopes = Type.Array(ScopeName, { uniqueItems: true })

export const NewUser = Type.Object(
  {
    username: Username,
    password: Password,
    scopes: Scopes,
    owner: Type.Optional(
      Type.String({
        pattern: USERNAME,
        description: 'Whose things are theirs; their own if none.',
      }),
    ),
  },
  { ...closed, title: 'NewUser' },
)
export type NewUser = Static<typeof NewUser>

export const UserChanges = Type.Object(
  { password: Type.Optional(Password), scopes: Type.Optional(Scopes) },
  { ...closed, minProperties: 1, title: 'UserChanges' },
)
export type UserChanges = Static<typeof UserChanges>

export const UserView = Type.Object(
  {
    username: Username,
    owner: Type.String({ description: 'Whose functions, jobs and sessions they see.' }),
    scopes: List(Type.String()),
    created_at: Time(),
    updated_at: Time(),
  },
  { title: 'User' },
)
export type UserView = DeepReadonly<Static<typeof UserView>>

export const UserPage = Type.Object({ users: List(UserView), ...paged }, { title: 'UserPage' })
export type UserPage = DeepReadonly<Static<typeof UserPage>>

const KeyName = Type.String({
  minLength: 1,
  maxLength: 128,
  pattern: '^[^\\s\\p{Cc}\\p{Cs}](?:[^\\p{Cc}\\p{Cs}]*[^\\s\\p{Cc}\\p{Cs}])?$',
})

export const NewKey = Type.Object(
  {
    name: KeyName,
    scopes: Type.Array(ScopeName, {
      ...{ minItems: 1, uniqueItems: true },
      description: 'No more than whoever makes the key has.',
    }),
    expires_at: Type.Optional(
      Nullable(Type.String({ pattern: TIME }), 'RFC 3339, in the future; null: never.'),
    ),
  },
  { ...closed, title: 'NewKey' },
)
export type NewKey = Static<typeof NewKey>

export const KEY_ID = '^[0-9A-Za-z]{12}$'

const made = {
  id: Type.String({ pattern: KEY_ID }),
  name: KeyName,
  scopes: List(Type.String()),
  last_four: Type.String({ description: 'The end of the key, to tell it by.' }),
  expires_at: Nullable(Time(), 'Null: never.'),
}

export const KeyMade = Type.Object(
  { ...made, key: Type.String({ description: 'The key itself; nobody is told it again.' }) },
  { title: 'ApiKeyMade' },
)
export type KeyMade = DeepReadonly<Static<typeof KeyMade>>

export const KeyView = Type.Object(
  {
    ...made,
    created_at: Time(),
    last_used_at: Nullable(Time(), 'To the minute or so.'),
    revoked_at: Nullable(Time()),
    active: Type.Boolean({ description: 'Whether it is good for anything.' }),
  },
  { title: 'ApiKey' },
)
export type KeyView = DeepReadonly<Static<typeof KeyView>>

export const KeyPage = Type.Object({ keys: List(KeyView), ...paged }, { title: 'ApiKeyPage' })
export type KeyPage = DeepReadonly<Static<typeof KeyPage>>
