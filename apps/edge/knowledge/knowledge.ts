/** What this edge knows by heart, kept current from the log and in step with all other edges. */
import type { Appender } from '#events/jetstream/append.ts'
import type { Main } from '#runtime/main.ts'
import type { Connection } from '#runtime/bus.ts'
import { watchPresence, type PresenceWatch } from '#runtime/presence.ts'
import { ApiKeys } from '../access/api-keys.ts'
import { KeyUses } from '../access/key-uses.ts'
import { Users } from '../access/users.ts'
import { Agreement } from './agreement.ts'
import { Definitions } from './definitions.ts'
import { Followed, type ByHeart } from './followed.ts'
import type { LogRoom } from '../log-room.ts'
import { Sessions } from './sessions.ts'

export interface Knowledge {
  readonly presence: PresenceWatch
  readonly definitions: Definitions
  readonly sessions: Sessions
  readonly users: Users
  readonly apiKeys: ApiKeys
  readonly agreement: Agreement
}

/** Resolves when everything that the log holds of it has been read. */
export async function openKnowledge(
  { config, log, signal, stack }: Main,
  { bus, payloads, instance }: Connection,
  { appender, room }: { readonly appender: Appender; readonly room: LogRoom },
): Promise<Knowledge> {
  const { apiKeyPepper: pepper, eventTtlDays: ttlDays } = config
  const presence = stack.use(watchPresence(bus))
  const definitions = new Definitions({ payloads, log })
  const users = new Users({ payloads, log })
  const keyUses = new KeyUses({ appender, room, ttlDays, log })
  const apiKeys = new ApiKeys({ payloads, users, pepper, log, onUse: keyUses.note })
  const follow = async (byHeart: ByHeart) =>
    stack.use(await Followed.open(byHeart, { bus, log, signal }))
  const [sessions, functions, accounts, keys] = await Promise.all([
    Sessions.open({ bus, payloads, log, signal }).then((opened) => stack.use(opened)),
    follow(definitions),
    follow(users),
    follow(apiKeys),
  ])
  const readers = { functions, sessions, users: accounts, keys }
  const agreement = stack.use(new Agreement({ bus, readers, presence, instance, log, signal }))
  return { presence, definitions, sessions, users, apiKeys, agreement }
}
