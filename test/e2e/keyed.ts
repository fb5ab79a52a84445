/** Requests with an Idempotency-Key, as their tests make them, and the words on keys in the log. */
import { randomUUID } from 'node:crypto'
import { LOCAL_OWNER } from '#events/functions.ts'
import { envelope } from '#events/envelope.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { CreatedId, KeyEvent } from '#events/keys.ts'
import { KEYS } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { digestOf } from '../../apps/edge/idempotency/request.ts'
import { until } from '../support/until.ts'
import type { Answer } from './functions-api.ts'

export const keyed = (key: string) => ({ 'idempotency-key': key })

/** Asks until the request is done, as a client does that was told to come back, or nothing at all. */
export function settled(ask: () => Promise<Answer>): Promise<Answer> {
  return until(
    async () => {
      const answer = await ask()
      return answer.status < 300 && answer
    },
    { pollMs: 250 },
  )
}

export const isReplay = ({ headers }: Answer) => headers.get('idempotency-replayed') === 'true'

export async function newestWord(
  bus: Bus,
  key: string,
  owner = LOCAL_OWNER,
): Promise<KeyEvent | undefined> {
  const query = { last_by_subj: subjects.key(digestOf(owner, key)) }
  return (await bus.jsm.streams.getMessage(KEYS, query))?.json<KeyEvent>()
}

/** Says that a holder who will never be heard of again has the key. */
export async function sayHeld(
  bus: Bus,
  key: string,
  held: { fingerprint: string; leaseMs: number; created: CreatedId | null; owner?: string },
): Promise<void> {
  const { fingerprint, leaseMs, created: created_id, owner = LOCAL_OWNER } = held
  const digest = digestOf(owner, key)
  const lease_until = new Date(Date.now() + leaseMs).toISOString()
  const said = { source: 'test', time: new Date().toISOString(), cause: { correlationid: key } }
  const event = envelope(said, {
    id: `key:${randomUUID()}:1`,
    type: 'key.held',
    subject: digest,
    data: { fingerprint, lease_until, created_id },
  })
  await bus.js.publish(subjects.key(digest), JSON.stringify(event), { msgID: event.id })
}
