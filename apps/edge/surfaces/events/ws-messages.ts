/** What is said over a WebSocket, by either side: one JSON object a message. */
import Type, { type Static, type TSchema } from 'typebox'
import { Problem } from '#domain/problem.ts'
import { parseJson } from '../../http/body.ts'
import { validator, type Validate } from '../../http/validate.ts'
import type { Given } from './asked.ts'

const closed = { additionalProperties: false } as const
const Id = Type.String({ minLength: 1, maxLength: 64 })
const Value = Type.Union([Type.String({ maxLength: 4_096 }), Type.Integer({ minimum: 0 })])
const Values = Type.Optional(Type.Union([Value, Type.Array(Value, { minItems: 1, maxItems: 100 })]))
const WantedEvents = Type.Object(
  { type: Values, key: Values, function_id: Values, job_id: Values },
  closed,
)

/** `id` is the client's own: it names the subscription in all that is said about it. */
export const Subscribe = Type.Object(
  {
    type: Type.Literal('subscribe'),
    id: Id,
    filter: Type.Optional(WantedEvents),
    /** The sequence behind which it begins; left out: now. */
    since: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  },
  closed,
)
export const Unsubscribe = Type.Object({ type: Type.Literal('unsubscribe'), id: Id }, closed)
/** Pages cannot send the protocol's own pings. */
export const Ping = Type.Object({ type: Type.Literal('ping') }, closed)

export type Said = Static<typeof Subscribe> | Static<typeof Unsubscribe> | Static<typeof Ping>

const check = <S extends TSchema>(schema: S): Validate<Static<S>> => validator<Static<S>>(schema)
const CHECKS: Readonly<Record<Said['type'], Validate<Said>>> = {
  subscribe: check(Subscribe),
  unsubscribe: check(Unsubscribe),
  ping: check(Ping),
}

/** Throws a `Problem`. */
export function parseSaid(text: string): Said {
  const message = parseJson(text)
  const type: unknown =
    typeof message === 'object' && message !== null && 'type' in message ? message.type : undefined
  if (typeof type === 'string' && Object.hasOwn(CHECKS, type)) {
    return CHECKS[type as Said['type']](message)
  }
  const known = Object.keys(CHECKS).join(', ')
  throw new Problem('INVALID_REQUEST', `type must be one of ${known}.`, { field: 'type' })
}

export const givenBy = ({ filter = {} }: Static<typeof Subscribe>): Given => {
  const given = filter as Readonly<Record<string, Static<typeof Value> | Static<typeof Value>[]>>
  return (name) => [given[name] ?? []].flat().map(String)
}
