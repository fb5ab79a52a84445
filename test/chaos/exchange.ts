/**
 * One HTTP request, with what became of it as a value: answered, closed on, or left hanging.
 * An error of the connection is an outcome here and no exception.
 */
import { Agent, request } from 'node:http'

/** Beyond every deadline that the platform names: whoever gets here was left hanging. */
export const GIVE_UP_MS = 120_000

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface Asked {
  readonly method: Method
  readonly path: string
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type Outcome = { readonly ms: number } & (
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly headers: Readonly<Record<string, unknown>>
      readonly text: string
    }
  | { readonly kind: 'closed'; readonly code: string }
  | { readonly kind: 'hung' }
)

export type Exchange = (asked: Asked) => Promise<Outcome>

/** `base` as in `http://127.0.0.1:8000`. */
export function exchangeWith(base: string): Exchange & Disposable {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity })
  const exchange = ({ method, path, json, headers }: Asked) =>
    new Promise<Outcome>((resolve) => {
      const startedAt = performance.now()
      const ms = () => performance.now() - startedAt
      const body = json === undefined ? undefined : JSON.stringify(json)
      const type = body === undefined ? {} : { 'content-type': 'application/json' }
      const asking = request(
        `${base}${path}`,
        { agent, method, headers: { ...type, ...headers } },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8')
            const { statusCode: status = 0, headers: given } = response
            settle({ kind: 'answered', status, headers: given, text, ms: ms() })
          })
          response.on('error', closed)
          response.on('aborted', () => closed({ code: 'ABORTED' }))
        },
      )
      const giveUp = setTimeout(() => {
        settle({ kind: 'hung', ms: ms() })
        asking.destroy()
      }, GIVE_UP_MS)
      const settle = (outcome: Outcome) => {
        clearTimeout(giveUp)
        resolve(outcome)
      }
      const closed = (error: NodeJS.ErrnoException | { code: string }) =>
        settle({ kind: 'closed', code: error.code ?? 'UNKNOWN', ms: ms() })
      asking.on('error', closed)
      asking.end(body)
    })
  return Object.assign(exchange, { [Symbol.dispose]: () => agent.destroy() })
}
