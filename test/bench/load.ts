/**
 * A closed-loop HTTP load generator, in a process of its own: `connections` sockets, each sends its
 * next request when it has the answer to the last one. Raw sockets, because a full client would cost
 * more than what it measures on a machine that both share.
 *
 *   node load.ts '{"url": …, "body": …, "connections": 32, "seconds": 5}'   → one JSON line
 */
import { connect } from 'node:net'
import { summary, type Summary } from './summary.ts'

export interface LoadOptions {
  readonly url: string
  readonly method?: string
  /** Several are sent in turn. */
  readonly body?: string | readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly connections: number
  /** Whichever comes first. */
  readonly seconds: number
  readonly requests?: number
  /** Of these requests, as many at the beginning as are not counted. */
  readonly warmUp?: number
  /** Between an answer and the next request of its connection. */
  readonly pauseMs?: number
}

export interface LoadResult extends Summary {
  readonly perSecond: number
  readonly failures: number
}

const HEADER_END = Buffer.from('\r\n\r\n')
const WARM_UP_SHARE = 0.1

export async function applyLoad(options: LoadOptions): Promise<LoadResult> {
  const { url, method = 'POST', body = '', headers = {}, connections, seconds, requests } = options
  const { pauseMs = 0, warmUp = 0 } = options
  const { hostname, port, pathname, search } = new URL(url)
  const lines = Object.entries({
    host: `${hostname}:${port}`,
    'content-type': 'application/json',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `${method} ${pathname}${search} HTTP/1.1\r\n${lines.join('')}`
  const bodies = typeof body === 'string' ? [body] : body
  const sending = bodies.map((one) =>
    Buffer.from(`${head}content-length: ${Buffer.byteLength(one)}\r\n\r\n${one}`),
  )

  const latencies: number[] = []
  let failures = 0
  let sent = 0
  const startedAt = performance.now()
  const warmUntil = startedAt + seconds * 1_000 * WARM_UP_SHARE
  const endAt = startedAt + seconds * 1_000
  const over = () => performance.now() >= endAt || (requests !== undefined && sent >= requests)
  const isCounted = (number: number, sentAt: number) =>
    requests === undefined ? sentAt >= warmUntil : number > warmUp

  const oneConnection = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true })
      let number = 0
      let sentAt = 0
      let received: Buffer = Buffer.alloc(0)
      const next = () => {
        if (over()) {
          socket.end()
          resolve()
          return
        }
        number = ++sent
        sentAt = performance.now()
        socket.write(sending[number % sending.length] ?? '')
      }
      socket.on('connect', next)
      socket.on('error', reject)
      socket.on('data', (chunk: Buffer) => {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
        const whole = answerLength(received)
        if (whole === undefined || received.length < whole) return
        const now = performance.now()
        if (received[9] !== 0x32) failures++
        else if (isCounted(number, sentAt)) latencies.push(now - sentAt)
        received = Buffer.alloc(0)
        if (pauseMs === 0) next()
        else setTimeout(next, pauseMs)
      })
    })
  await Promise.all(Array.from({ length: connections }, oneConnection))
  const countedFrom = requests === undefined ? warmUntil : startedAt
  const elapsed = (Math.min(performance.now(), endAt) - countedFrom) / 1_000
  return { ...summary(latencies), perSecond: latencies.length / elapsed, failures }
}

/** Bytes of the whole answer, once its header is there. */
function answerLength(received: Buffer): number | undefined {
  const end = received.indexOf(HEADER_END)
  if (end < 0) return undefined
  const header = received.toString('latin1', 0, end)
  const length = /\r\ncontent-length: *(\d+)/i.exec(header)?.[1]
  return end + HEADER_END.length + Number(length ?? 0)
}

if (process.argv[1] === import.meta.filename) {
  const options = JSON.parse(process.argv[2] ?? '{}') as LoadOptions
  process.stdout.write(`${JSON.stringify(await applyLoad(options))}\n`)
}
