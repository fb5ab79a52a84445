/** Events, told: the log page by page, the same as a stream, and the WebSocket beside it. */
import Type from 'typebox'
import { SHOWN_TYPES } from '#events/shown.ts'
import type { RouteName } from '../../access/routes.ts'
import type { Operation, Parameter } from '../../documents/operation.ts'

const tag = 'events'
const Position = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Text = Type.String()

/** A CloudEvents 1.0 envelope, and where it stands. What lies in `data` is told with the subjects. */
export const LoggedEvent = Type.Object(
  {
    /** The position on the log: what comes behind it has a higher one. */
    seq: Type.Integer({ minimum: 1 }),
    specversion: Type.Literal('1.0'),
    id: Text,
    source: Text,
    type: Type.Enum([...SHOWN_TYPES]),
    version: Type.Integer({ minimum: 1 }),
    time: Type.String({ format: 'date-time' }),
    subject: Type.String({
      description: 'The id of the function, the analysis, the optimization.',
    }),
    correlationid: Text,
    causationid: Type.Optional(Text),
    traceparent: Type.Optional(Text),
    data: Type.Optional(Type.Object({}, { additionalProperties: true })),
    payload: Type.Optional(
      Type.Object(
        { bytes: Type.Integer(), href: Type.Optional(Text) },
        { description: 'Instead of `data`, of an event that a stream does not carry whole.' },
      ),
    ),
  },
  { title: 'LoggedEvent' },
)

export const EventPage = Type.Object(
  {
    data: Type.Array(LoggedEvent, { maxItems: 100 }),
    next_since: Position,
    has_more: Type.Boolean(),
  },
  { title: 'EventPage' },
)

const several = 'Several have commas between them.'
const query: Readonly<Record<string, Parameter>> = {
  type: { schema: Text, description: `\`job.succeeded\`, \`job.*\` or \`*\`. ${several}` },
  key: { schema: Text, description: `The envelope's \`subject\`. ${several}` },
  function_id: { schema: Text, description: `The key of what is a function's. ${several}` },
  job_id: { schema: Text, description: `Events of these jobs only. ${several}` },
  since: {
    schema: Position,
    description: 'The `seq` behind which to begin: of a page 0, of a stream now.',
  },
  last_event_id: { schema: Position, description: 'The same.' },
  limit: { schema: Type.Integer({ minimum: 1, maximum: 100, default: 100 }) },
}

const example = {
  ...{ seq: 4, specversion: '1.0', id: 'job:1:end', source: 'sluice/executor' },
  ...{ type: 'job.succeeded', version: 1, time: '2026-01-31T08:00:00.000Z', subject: '1' },
  correlationid: '774c4328-da90-45dc-9f18-aa14dbd5a347',
  data: { job_id: 1, function_id: 1, owner: 'local', result: { n: 1 } },
}

export const eventOperations = {
  'GET /api/v1/events': {
    ...{ tag, query, summary: 'Read what happened, or what happens' },
    description:
      'With `Accept: text/event-stream` events come as they happen, each with its `seq` as `id`; ' +
      'a client that reconnects with `Last-Event-ID` misses nothing and reads nothing twice. The last ' +
      'one is `cut`, which says why no more comes. Else this is a page of the log, in its order: ' +
      '`next_since` is the `since` of the next one. A page may be empty and have more behind it.',
    headers: {
      'Last-Event-ID': { schema: Position, description: 'Counts before the query.' },
    },
    answers: {
      200: {
        description: 'Events of whoever asks.',
        content: [
          {
            schema: EventPage,
            examples: { page: { data: [example], next_since: 4, has_more: false } },
          },
          { schema: Text, contentType: 'text/event-stream' },
        ],
      },
    },
    refuses: {
      400: 'A parameter is mistyped, or the log has not come so far.',
      429: 'The owner has as many readers as one may have.',
      503: 'The edge has as many readers as it may have, or the log is out of reach.',
    },
  },
  'GET /api/v1/ws': {
    ...{ tag, summary: 'Follow events over a WebSocket' },
    description:
      'Messages are JSON objects. `{"type":"subscribe","id":"a","filter":{"type":"job.*"},"since":4}` ' +
      'begins what is told as `{"type":"event","id":"a","event":{…}}`; `unsubscribe` ends it; `ping` ' +
      'is answered with `pong`, what is wrong with `error`. Pages name the subprotocols `sluice.v1` ' +
      'and `sluice.bearer.<token or key>`.',
    answers: { 101: { description: 'The connection is a WebSocket from now on.' } },
    refuses: {
      400: 'The handshake is malformed.',
      426: 'It was not asked for as a WebSocket.',
      429: 'The owner has as many readers as one may have.',
      503: 'The edge has as many readers as it may have.',
    },
  },
} as const satisfies Partial<Record<RouteName, Operation>>
