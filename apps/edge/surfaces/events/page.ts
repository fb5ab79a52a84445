/** The log itself, page by page: what has happened, in the log's order. */
import type { Answer } from '../../http/exchange.ts'
import type { Feed } from '../../feed/feed.ts'
import type { Past } from '../../feed/log-pages.ts'

/** A page ends with the event that exceeds it, so that even the largest one is on some page. */
const PAGE_BYTES = 8 * 1024 ** 2

export async function eventPage(feed: Feed, past: Past): Promise<Answer> {
  const { events, reached, isEnd } = await feed.page(past)
  if (events.length === 0 && reached === past.after) await feed.requirePosition(past.after)
  const shown: string[] = []
  let bytes = 0
  for (const event of events) {
    if (bytes > PAGE_BYTES) break
    shown.push(await event.whole())
    bytes += event.bytes
  }
  const isCut = shown.length < events.length
  const next = isCut ? events[shown.length - 1]?.seq : reached
  const more = isCut || !isEnd
  return {
    status: 200,
    body: `{"data":[${shown.join(',')}],"next_since":${next},"has_more":${more}}`,
  }
}
