/**
 * AnalyzeStream: a batch without an end, analysed group by group.
 *
 * Invariants:
 * 1. One group is in hand at a time. The next is begun when the client has taken its results: who
 *    reads slowly is read from slowly.
 * 2. A group has at most `GROUP_MAX` items and about as many bytes as a body over HTTP may have. It
 *    does not wait for what lingers: who sends one item and waits for its result gets it.
 * 3. Each group counts as one request to the limits, and nobody has all the streams there may be.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Analyses } from '../../chunks/analyses.ts'
import { refused } from '../../chunks/valid.ts'
import { Seats } from '../../limits/seats.ts'
import type { OpenCall, Work } from './call.ts'
import { chunkBody, type Received } from './proto.ts'

const GROUP_MAX = 100
const LINGER_MS = 50
/** Each holds a few messages, which can be large. */
const STREAMS = {
  ...{ max: 128, maxPerOwner: 64 },
  what: { name: 'streams', field: 'max_streams' },
}
const LINGERED = Symbol('lingered')

interface StreamedItem {
  readonly batch_id?: string
  readonly options?: unknown
  readonly item?: unknown
}

export function streamedBatch(analyses: Analyses, groupBytesMax: number): Work {
  const seats = new Seats(STREAMS)

  return async (call) => {
    const leave = seats.take(call.asking.principal.owner)
    try {
      let head: StreamedItem | undefined
      let group = 0
      for await (const messages of groupsOf(call, groupBytesMax)) {
        const first = head === undefined
        head ??= messages[0] ?? {}
        if (!first) await call.passAgain()
        const items = itemsOf(messages, first)
        const { batch_id, options } = head
        const analysis = await analyses.batch({ batch_id, options, items }, call.asking)
        for (const result of analysis.results) {
          await call.send({ result, group, truncated: analysis.truncated })
        }
        if (items.length > 0) group++
      }
      if (head === undefined) throw refused('batch_id', 'required', 'is required')
    } finally {
      leave()
    }
  }
}

async function* groupsOf(
  { read, patiently }: OpenCall,
  bytesMax: number,
): AsyncGenerator<readonly StreamedItem[]> {
  let next = read()
  for (;;) {
    let received: Received | undefined | typeof LINGERED = await patiently(next)
    if (received === undefined) return
    const group: StreamedItem[] = []
    let bytes = 0
    while (received !== undefined && received !== LINGERED) {
      group.push(received.message as StreamedItem)
      bytes += received.bytes
      next = read()
      if (group.length >= GROUP_MAX || bytes >= bytesMax) break
      received = await lingering(next)
    }
    yield group
  }
}

async function lingering<T>(waiting: Promise<T>): Promise<T | typeof LINGERED> {
  const enough = new AbortController()
  const { signal } = enough
  try {
    return await Promise.race([waiting, delay(LINGER_MS, LINGERED, { signal })])
  } finally {
    enough.abort()
  }
}

function itemsOf(messages: readonly StreamedItem[], isFirst: boolean): unknown[] {
  return messages.flatMap(({ batch_id, options, item }, i) => {
    if (isFirst && i === 0) return item === undefined ? [] : [chunkBody(item)]
    if (batch_id === undefined && options === undefined) return [chunkBody(item)]
    const field = batch_id === undefined ? 'options' : 'batch_id'
    throw refused(field, 'first', 'comes with the first message only')
  })
}
