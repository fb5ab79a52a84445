/**
 * Live events as server-sent events. Source: the HTML standard, section 9.2.
 *
 * Invariants:
 * 1. Every block has the position behind which to go on as its `id`, the first one too: a client that
 *    reconnects at any moment misses nothing and reads nothing twice.
 * 2. Heartbeats carry it as well, so that whoever waits for something rare need not look through all
 *    that came between. A block without data is no event: it only sets the client's last id.
 * 3. The last block says why no more comes, unless the client itself has gone.
 */
import type { Answer, Exchange } from '../../http/exchange.ts'
import type { Feed } from '../../feed/feed.ts'
import type { Filter } from '../../feed/filter.ts'
import type { HandedEvent, Subscription } from '../../feed/subscription.ts'

/** How soon a client comes back, unless it knows better. */
const RETRY_MS = 1_000
/** A client that was cut off and still takes nothing is hung up on. */
const HANG_UP_AFTER_MS = 2_000

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Proxies must neither collect it nor reuse its connection.
  'x-accel-buffering': 'no',
  connection: 'close',
}

export interface Followed {
  readonly filter: Filter
  /** The sequence behind which it begins; undefined: now. */
  readonly after: number | undefined
}

export async function streamEvents(
  { incoming, principal: { owner }, stillMay }: Exchange,
  feed: Feed,
  { filter, after }: Followed,
): Promise<Answer> {
  const text = new TextEncoder()
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let written = 0
  const write = (block: string) => controller?.enqueue(text.encode(block))

  const subscription: Subscription = await feed.subscribe({
    ...{ owner, filter, after },
    stillMay: () => stillMay(),
    onBeat: () => {
      // Who has not read the one before gets no other.
      if (!subscription.isIdle || (controller?.desiredSize ?? -1) < 0) return
      written = Math.max(written, subscription.position)
      write(`: heartbeat\nid: ${written}\n\n`)
    },
    onEnd: (end) => {
      if (controller === undefined || end === 'closed') return
      const data = JSON.stringify({ reason: end, last_event_id: String(written) })
      write(`id: ${written}\nevent: cut\ndata: ${data}\n\n`)
      controller.close()
      controller = undefined
      setTimeout(() => incoming.socket.destroy(), HANG_UP_AFTER_MS).unref()
    },
  })

  const body = new ReadableStream<Uint8Array>(
    {
      start(own) {
        controller = own
        written = subscription.position
        write(`retry: ${RETRY_MS}\nid: ${written}\n\n`)
      },
      async pull() {
        const events = await subscription.next()
        if (controller === undefined) return
        if (events.length === 0) return controller.close()
        written = events.at(-1)?.seq ?? written
        write(events.map(blockOf).join(''))
      },
      cancel() {
        controller = undefined
        subscription.close()
      },
    },
    { highWaterMark: 0 },
  )
  return { status: 200, body, headers: HEADERS }
}

/** JSON text has no line breaks. */
const blockOf = ({ seq, type, json }: HandedEvent) =>
  `id: ${seq}\nevent: ${type}\ndata: ${json}\n\n`
