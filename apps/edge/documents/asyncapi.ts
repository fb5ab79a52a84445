/**
 * The AsyncAPI 3 document of the subjects on NATS, made of the table of messages and the very schemas
 * that the types come from: what a program of yours can read there, and what it had better not say.
 *
 * Invariant: it depends on nothing but the version, so it is made once.
 */
import {
  CATALOGUE,
  PARAMETERS,
  streamOf,
  type Entry,
  type ParameterName,
  type ToldType,
} from '#events/catalogue.ts'
import { Envelope } from '#events/envelope.ts'
import { COMMANDS, CALLS, EVENTS } from '#events/streams.ts'
import { MESSAGE_EXAMPLES } from './message-examples.ts'

export interface AsyncApiOptions {
  readonly version: string
}

export function asyncApi({ version }: AsyncApiOptions) {
  const entries = Object.entries(CATALOGUE) as [ToldType, Entry][]
  const subjects = [...new Set(entries.flatMap(([, { on }]) => on))]
  const saidOn = (subject: string) => entries.filter(([, { on }]) => on.includes(subject))
  return {
    asyncapi: '3.0.0',
    id: 'urn:sluice:nats',
    info: {
      title: 'Sluice on NATS',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', url: 'https://spdx.org/licenses/MIT.html' },
    },
    defaultContentType: 'application/json',
    servers: { nats: SERVER },
    channels: Object.fromEntries(
      subjects.map((subject) => [idOf(subject), channel(subject, saidOn(subject))]),
    ),
    operations: Object.fromEntries(
      subjects.map((subject) => [
        `${isAsked(subject) ? 'send' : 'receive'}.${idOf(subject)}`,
        operation(subject, saidOn(subject)),
      ]),
    ),
    components: {
      messages: Object.fromEntries(entries.map(([type, entry]) => [type, shown(type, entry)])),
      schemas: {
        Envelope,
        ...Object.fromEntries(entries.map(([type, { message }]) => [type, opened(message.data)])),
      },
      parameters: PARAMETERS,
      messageTraits: { envelope: ENVELOPE_TRAIT },
      operationTraits: { consumer: CONSUMER_TRAIT, internal: INTERNAL_TRAIT },
      securitySchemes: { user: SECURITY },
    },
  }
}

const DESCRIPTION = `Everything that happens is a CloudEvents 1.0 envelope in JSON on the JetStream stream \`${EVENTS}\`, where any durable consumer reads it, in one order, at least once.

* Tell repeats by the \`id\` of the envelope: it derives from what happened.
* Take types and members that you do not know for news, and leave them alone.
* The first of \`job.succeeded\`, \`job.failed\` and \`job.cancelled\` is the end of a job; later ones count for nothing.
* An envelope beyond 256 KiB lies in an object store: the message is empty, and its header \`Sluice-Payload\` says \`<bucket>/<name>\`.
* A token in a subject is the text itself where it has only letters, digits, \`_\` and \`-\`; any other is base64url behind \`--\`.
* Commands are what the edge says after it has checked who asks and for what. Use the HTTP API: a command that others say skips all of that.`

const SERVER = {
  host: '{host}:{port}',
  protocol: 'nats',
  description: 'With `npm start`, the file `nats.url` of SLUICE_HOME has the address.',
  variables: { host: { default: '127.0.0.1' }, port: { default: '4222' } },
  security: [{ $ref: '#/components/securitySchemes/user' }],
}
const SECURITY = { type: 'userPassword', description: 'Both are in the address of the server.' }

const ENVELOPE_TRAIT = {
  contentType: 'application/json',
  correlationId: {
    description: 'What led to each other has the same one.',
    location: '$message.payload#/correlationid',
  },
  headers: {
    type: 'object',
    properties: {
      'Nats-Msg-Id': { type: 'string', description: 'The `id` of the envelope.' },
      traceparent: { type: 'string', description: 'W3C Trace Context, where there is one.' },
      'Sluice-Payload': {
        type: 'string',
        pattern: '^(definitions|happenings)/.+$',
        description: 'The message is empty: bucket and name of the object that is the envelope.',
      },
    },
  },
}

const CONSUMER_TRAIT = {
  description:
    'Read it by a durable consumer of your own, with explicit acknowledgements and this subject, or one with wildcards, as its filter.',
}
const INTERNAL_TRAIT = {
  description: 'Said by Sluice itself. A program of yours asks over HTTP, where all is checked.',
}

const isAsked = (subject: string) => [COMMANDS, CALLS].includes(streamOf(subject))

/** Without its parameters: `evt.job.{functionId}.failed` is `evt.job.failed`. */
const idOf = (subject: string) =>
  subject
    .split('.')
    .filter((part) => !part.startsWith('{'))
    .join('.')

type Said = readonly (readonly [type: ToldType, entry: Entry])[]

function channel(address: string, said: Said) {
  const names = [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as ParameterName)
  const stream = streamOf(address)
  return {
    address,
    description: said.map(([, { message }]) => message.says).join(' '),
    servers: [{ $ref: '#/servers/nats' }],
    ...(names.length > 0 && {
      parameters: Object.fromEntries(
        names.map((name) => [name, { $ref: `#/components/parameters/${name}` }]),
      ),
    }),
    messages: Object.fromEntries(
      said.map(([type]) => [type, { $ref: `#/components/messages/${type}` }]),
    ),
    tags: [{ name: stream }],
    'x-stream': stream,
  }
}

function operation(subject: string, said: Said) {
  const at = `#/channels/${idOf(subject)}`
  const asked = isAsked(subject)
  return {
    action: asked ? 'send' : 'receive',
    channel: { $ref: at },
    summary: said.map(([, { message }]) => message.says).join(' '),
    messages: said.map(([type]) => ({ $ref: `${at}/messages/${type}` })),
    traits: [{ $ref: `#/components/operationTraits/${asked ? 'internal' : 'consumer'}` }],
  }
}

function shown(type: ToldType, { message, by }: Entry) {
  return {
    name: type,
    title: type,
    summary: message.says,
    traits: [{ $ref: '#/components/messageTraits/envelope' }],
    payload: {
      allOf: [
        { $ref: '#/components/schemas/Envelope' },
        {
          type: 'object',
          properties: {
            type: { const: type },
            version: { const: message.version },
            source: { enum: by.map((process) => `sluice/${process}`) },
            data: { $ref: `#/components/schemas/${type}` },
          },
        },
      ],
    },
    examples: [{ name: 'one', payload: example(type, { message, by }) }],
    'x-said-by': by,
  }
}

function example(type: ToldType, { message, by }: Pick<Entry, 'message' | 'by'>): Envelope {
  const data = MESSAGE_EXAMPLES[type]
  return {
    specversion: '1.0',
    id: `${type}:1`,
    source: `sluice/${by[0]}`,
    type,
    version: message.version,
    time: '2026-03-14T09:26:53.589Z',
    subject: '7',
    correlationid: '0b6e1f1c-5e0b-4d6f-9b1d-2f4f8a3c9e10',
    data,
  }
}

/**
 * What the edge takes has no member that it does not know; what it once took is read by programs
 * that may know fewer.
 */
function opened(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(opened)
  if (typeof schema !== 'object' || schema === null) return schema
  const isClosed =
    'properties' in schema &&
    'additionalProperties' in schema &&
    schema.additionalProperties === false
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key]) => !(isClosed && key === 'additionalProperties'))
      .map(([key, value]) => [key, opened(value)]),
  )
}
