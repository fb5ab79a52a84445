/**
 * Sends requests made from the document of the API to a platform of its own, and holds each answer
 * against that document.
 *
 * Invariants:
 * 1. A server error, an answer that does not come, one that is not as documented, and a process that
 *    ends are violations; nothing else is. 503 is one if it stays: a busy machine says it now and then.
 * 2. The same seed makes the same requests, but for the ids that the platform has given meanwhile.
 */
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { violationOf } from '#test/support/api-document.ts'
import { startPlatform } from '#test/support/platform.ts'
import { Random } from '#test/support/random.ts'
import { begin } from './beginning.ts'
import { Known } from './known.ts'
import type { FuzzOptions } from './options.ts'
import { hostilityOf, requestFor, type FuzzRequest, type Operation } from './requests.ts'
import type { Schema } from './values.ts'

const IN_FLIGHT = 16
const HUNG_AFTER_MS = 120_000
const ASKED_MAX = 5
const NOT_NOW_MS = 1_000
const READ_BYTES_MAX = 4 * 1024 ** 2
const SERVER_TROUBLE = /"event":"(?:part_restarts|request_failed|command_failed)"/
const LINE_MAX = 1_500
const API_KEY = 'the-key-of-the-fuzz-run'

export interface FuzzReport {
  readonly seed: number
  readonly requests: number
  /** By operation, how often each status came. */
  readonly statuses: ReadonlyMap<string, ReadonlyMap<number, number>>
  readonly violations: readonly string[]
  readonly seconds: number
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

interface Described {
  readonly parameters?: Operation['parameters']
  readonly requestBody?: { readonly content: NonNullable<Operation['content']> }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Undefined: it is a stream, or too large to be looked at. */
  readonly body: string | undefined
}

export async function runFuzz({ requests, seed }: FuzzOptions): Promise<FuzzReport> {
  const env = { RATE_LIMITS: 'off', SLUICE_API_KEY: API_KEY, LOG_LEVEL: 'warning' }
  const platform = await startPlatform({ env })
  const document = (await (await fetch(`${platform.url}/openapi.json`)).json()) as Document
  const operations = operationsOf(document)
  const { schemas } = document.components
  const random = new Random(seed)
  const known = new Known(random.fork())
  await begin(platform.url, API_KEY, known)
  const statuses = new Map<string, Map<number, number>>()
  const violations: string[] = []
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT })
  const startedAt = performance.now()
  let left = requests

  const one = async (): Promise<void> => {
    const operation = operations[left % operations.length] ?? random.pick(operations)
    const asked = requestFor(
      operation,
      { random, known, schemas, hostility: hostilityOf(random) },
      API_KEY,
    )
    const what = `${operation.method} ${operation.template}`
    try {
      const answer = await answerTo(() => send(platform.url, asked, agent))
      count(statuses, what, answer.status)
      const violation = violationIn(asked, answer)
      if (violation !== undefined) violations.push(told(violation, asked))
      else if (answer.body !== undefined) learn(known, answer)
    } catch (error) {
      violations.push(told(`no answer: ${String(error)}`, asked))
    }
  }
  const sender = async () => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, sender))
  agent.destroy()
  // What was said on the log is held against its schemas.
  await platform.stop().catch((error: unknown) => violations.push(String(error)))
  for (const line of platform.lines) {
    if (SERVER_TROUBLE.test(line)) violations.push(line.slice(0, LINE_MAX))
  }
  const seconds = (performance.now() - startedAt) / 1_000
  return { seed, requests, statuses, violations, seconds }
}

function operationsOf({ paths }: Document): readonly Operation[] {
  return Object.entries(paths).flatMap(([template, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
      ...{ method: method.toUpperCase(), template, parameters },
      content: requestBody?.content,
    })),
  )
}

/** Asked again while it is 503, some times. */
async function answerTo(ask: () => Promise<Answer>): Promise<Answer> {
  for (let asked = 1; asked < ASKED_MAX; asked++) {
    const answer = await ask()
    if (answer.status !== 503) return answer
    await wait(NOT_NOW_MS)
  }
  return ask()
}

function send(url: string, { operation, path, headers, body }: FuzzRequest, agent: Agent) {
  return new Promise<Answer>((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': body.length }
    const sent = request(`${url}${path}`, {
      ...{ method: operation.method, headers: { ...headers, ...length }, agent },
      timeout: HUNG_AFTER_MS,
    })
    sent.on('response', (response) => void received(response).then(resolve, reject))
    sent.on('timeout', () => sent.destroy(new Error(`nothing came for ${HUNG_AFTER_MS} ms`)))
    sent.on('error', reject)
    sent.end(body)
  })
}

async function received(response: IncomingMessage): Promise<Answer> {
  const { statusCode: status = 0, headers } = response
  const isStream = headers['content-type']?.startsWith('text/event-stream') === true
  const pieces: Buffer[] = []
  let size = 0
  if (!isStream) {
    for await (const piece of response as AsyncIterable<Buffer>) {
      size += piece.length
      if (size <= READ_BYTES_MAX) pieces.push(piece)
    }
  } else response.destroy()
  const isWhole = !isStream && size <= READ_BYTES_MAX
  return { status, headers, body: isWhole ? Buffer.concat(pieces).toString() : undefined }
}

function violationIn({ operation, path }: FuzzRequest, { status, headers, body }: Answer) {
  // What never became a request of a route is in the words of the document's description.
  if (status === 431) return undefined
  if (status >= 500) return `${status}: ${body?.slice(0, 500)}`
  const fields = Object.entries(headers).map(([name, value]): [string, string] => [
    name,
    String(value),
  ])
  const [pathname = ''] = path.split('?')
  const { method } = operation
  return violationOf({ method, path: pathname, status, headers: new Headers(fields), body })
}

function learn(known: Known, { headers, body = '' }: Answer): void {
  if (headers['content-type']?.includes('json') === true && body !== '')
    known.learn(JSON.parse(body))
}

function count(statuses: Map<string, Map<number, number>>, what: string, status: number): void {
  const counts = statuses.get(what) ?? new Map<number, number>()
  statuses.set(what, counts.set(status, (counts.get(status) ?? 0) + 1))
}

function told(violation: string, { operation, path, headers, body }: FuzzRequest): string {
  const sent = body === undefined ? '' : ` ${body.toString().slice(0, 600)}`
  return `${violation}\n  ${operation.method} ${path.slice(0, 600)} ${JSON.stringify(headers)}${sent}`
}
