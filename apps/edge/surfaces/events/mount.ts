/** Events as a product: live, or from the log, to those whose they are. */
import type { Feed } from '../../feed/feed.ts'
import { Router, type Exchange, type RouterOptions } from '../../http/exchange.ts'
import { queryOf, requireKnown } from '../../http/query.ts'
import { operationsDialect } from '../operations/dialect.ts'
import { FILTER_NAMES, filterOf, wholeNumber } from './asked.ts'
import { eventPage } from './page.ts'
import { streamEvents } from './sse.ts'
import { acceptWebSockets } from './ws.ts'

const LIMIT_MAX = 100
const POSITION_NAMES = ['last_event_id', 'since']
const KNOWN = [...FILTER_NAMES, ...POSITION_NAMES, 'limit']

export interface EventsOptions {
  readonly feed: Feed
  readonly heartbeatMs: number
}

export function mountEvents(
  routing: Omit<RouterOptions, 'dialect'>,
  { feed, heartbeatMs }: EventsOptions,
): void {
  const { log, stopping } = routing
  const router = new Router({ ...routing, dialect: operationsDialect })

  router.on('GET /api/v1/events', (exchange) => {
    requireKnown(exchange, KNOWN)
    const query = queryOf(exchange)
    const filter = filterOf((name) => query.getAll(name))
    const after = positionOf(exchange)
    const limit = wholeNumber('limit', exchange.query('limit') ?? String(LIMIT_MAX), 1, LIMIT_MAX)
    if (wantsStream(exchange)) return streamEvents(exchange, feed, { filter, after })
    const { owner } = exchange.principal
    return eventPage(feed, { owner, filter, after: after ?? 0, limit })
  })

  router.on('GET /api/v1/ws', acceptWebSockets({ feed, log, stopping, heartbeatMs }))
  router.close()
}

const wantsStream = ({ header }: Exchange) =>
  header('accept')?.toLowerCase().includes('text/event-stream') === true

/** A client that reconnects repeats its query: what it has seen since then counts. */
function positionOf({ header, query }: Exchange): number | undefined {
  const seen = header('last-event-id')
  if (seen !== undefined && seen !== '') return wholeNumber('Last-Event-ID', seen, 0)
  for (const name of POSITION_NAMES) {
    const text = query(name)
    if (text !== undefined) return wholeNumber(name, text, 0)
  }
  return undefined
}
