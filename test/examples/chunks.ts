/**
 * A client of the chunk API with nothing but `fetch`: time-outs, retries with exponential backoff,
 * errors that are read, and a log line for each attempt.
 *
 *   SLUICE_URL=http://127.0.0.1:8000 node_modules/.bin/node test/examples/chunks.ts
 *
 * Any Node from 24 on will do, such as Sluice's own. `SLUICE_API_KEY` is sent if it is there. Each
 * answer is a line of JSON.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

const SLUICE = process.env['SLUICE_URL'] ?? 'http://127.0.0.1:8000'
const KEY = process.env['SLUICE_API_KEY']
const TIMEOUT_MS = 10_000
const ATTEMPTS = 5
const FIRST_WAIT_MS = 200
const LONGEST_WAIT_MS = 60_000
/** What may be well a little later; anything else is not mended by asking again. */
const RETRYABLE = new Set([429, 503, 504])

interface RefusalBody {
  readonly code: string
  readonly message: string
  readonly details?: unknown
}

/** What the API does not want, in its own words. */
class Refused extends Error {
  readonly status: number
  readonly body: RefusalBody
  constructor(status: number, body: RefusalBody) {
    super(`${status} ${body.code}: ${body.message}`)
    this.status = status
    this.body = body
  }
}

async function call(method: string, path: string, body?: unknown): Promise<unknown> {
  const headers = {
    'content-type': 'application/json',
    // All attempts are one request: an analysis whose answer got lost is not made again.
    ...(method === 'POST' && { 'idempotency-key': randomUUID() }),
    ...(KEY !== undefined && { 'x-api-key': KEY }),
  }
  const sent = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
  for (let attempt = 1; ; attempt++) {
    let waitMs = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)
    let failure: Error
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const answer = await fetch(SLUICE + path, { ...sent, signal })
      if (answer.ok) {
        log(`${method} ${path}: ${answer.status}`)
        return await answer.json()
      }
      failure = new Refused(answer.status, (await answer.json()) as RefusalBody)
      waitMs = Math.max(waitMs, Number(answer.headers.get('retry-after') ?? 0) * 1_000)
    } catch (error) {
      // Of itself fetch says no more than that it failed.
      const { cause } = error as Error
      failure = cause instanceof Error ? cause : (error as Error)
    }
    if (failure instanceof Refused && !RETRYABLE.has(failure.status)) throw failure
    log(`${method} ${path}, attempt ${attempt}: ${String(failure)}`)
    if (attempt === ATTEMPTS || waitMs > LONGEST_WAIT_MS) throw failure
    await wait(waitMs)
  }
}

const log = (line: string) => process.stderr.write(`${line}\n`)
const say = (answer: unknown) => process.stdout.write(`${JSON.stringify(answer)}\n`)

async function main(): Promise<void> {
  const content1 = 'Sluice runs functions and keeps their jobs.'
  const content2 = 'Sluice keeps the jobs of functions.'
  // One request for many chunks, not many for one.
  const items = [content1, content2].map((content, n) => ({ chunk_id: `c${n}`, content }))
  const batch_id = `typescript-${randomUUID()}`
  say(await call('POST', '/api/v1/batch/analyze', { batch_id, items }))
  say(await call('POST', '/api/v1/similarity/calculate', { content1, content2 }))
  say(await call('GET', `/api/v1/optimizations?batch_id=${batch_id}`))
  try {
    await call('POST', '/api/v1/chunks/analyze', { chunk_id: '', content: content1 })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    say(error.body)
  }
}

await main().catch((error: unknown) => {
  log(`${SLUICE}: ${String(error)}`)
  process.exitCode = 1
})
