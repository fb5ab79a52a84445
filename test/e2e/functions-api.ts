/** The functions API as its tests call it: the envelope checked and opened, raw answers beside it. */
import assert from 'node:assert/strict'
import { fetchJson, type JsonAnswer, type JsonRequest } from '../support/fetch-json.ts'
import { until } from '../support/until.ts'

export interface Job {
  readonly id: number
  readonly function_id: number
  readonly function_version: number
  readonly status: 'pending' | 'running' | 'success' | 'failed'
  readonly result: unknown
  readonly timestamp: string
  readonly duration: number | null
  readonly attempt?: number
  readonly cancelled?: boolean
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly type?: string
    readonly line?: number
    readonly column?: number
    readonly stack?: string
  } | null
}

export interface Refusal {
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

export interface Envelope {
  readonly success: boolean
  readonly data?: unknown
  readonly error?: Refusal
}

export type Answer = JsonAnswer<Envelope>

export interface Metrics {
  readonly invocations: { total: number; successful: number; failed: number; cancelled: number }
  readonly success_rate: number
  readonly avg_execution_time: string
  readonly cpu_usage: string
  readonly memory_usage: string
}

export const PYTHON_ECHO = 'def handler(event): return event'
export const NODEJS_ECHO = 'function handler(event) { return event }'
export const RUST_ECHO = 'fn handler(event: Json) -> Result<Json, String> { Ok(event) }'
const ECHOES = new Map([
  ['nodejs', NODEJS_ECHO],
  ['rust', RUST_ECHO],
])

let registered = 0

/** A name of its own. */
export const freshName = () => `fn-${process.pid}-${++registered}`

export class FunctionsApi {
  readonly url: string

  readonly #headers: Readonly<Record<string, string>>

  /** `headers` go with every request. */
  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.url = url
    this.#headers = headers
  }

  ask(path: string, request: JsonRequest = {}): Promise<Answer> {
    const headers = { ...this.#headers, ...request.headers }
    return fetchJson<Envelope>(`${this.url}${path}`, { ...request, headers })
  }

  /** The data of an answer with this status. */
  async data<T>(status: number, path: string, request: JsonRequest = {}): Promise<T> {
    const { status: given, body } = await this.ask(path, request)
    assert.equal(given, status, `${path}: ${JSON.stringify(body)}`)
    assert.equal(body.success, true)
    return body.data as T
  }

  /** The error of an answer with this status. */
  async refusal(status: number, path: string, request: JsonRequest = {}): Promise<Refusal> {
    const { status: given, body } = await this.ask(path, request)
    assert.equal(given, status, `${path}: ${JSON.stringify(body)}`)
    return refusalOf(body)
  }

  /** A synchronous python echo unless told otherwise. */
  async register(fields: Readonly<Record<string, unknown>> = {}): Promise<number> {
    const json = {
      name: freshName(),
      runtime: 'python',
      code: ECHOES.get(String(fields['runtime'])) ?? PYTHON_ECHO,
      execution_type: 'sync',
      ...fields,
    }
    return (await this.data<{ function_id: number }>(201, '/functions', { json })).function_id
  }

  async change(id: number, json: Readonly<Record<string, unknown>>): Promise<number> {
    const options = { method: 'PUT', json }
    return (await this.data<{ version: number }>(200, `/functions/${id}`, options)).version
  }

  remove(id: number): Promise<Answer> {
    return this.ask(`/functions/${id}`, { method: 'DELETE' })
  }

  invoke(id: number, json: unknown = {}, headers: Readonly<Record<string, string>> = {}) {
    return this.ask(`/functions/${id}/invoke`, { json, headers })
  }

  /** A job that was answered inline. */
  call(id: number, json: unknown = {}, headers: Readonly<Record<string, string>> = {}) {
    return this.data<Job>(200, `/functions/${id}/invoke`, { json, headers })
  }

  /** A job that was accepted. */
  accept(id: number, json: unknown = {}, headers: Readonly<Record<string, string>> = {}) {
    return this.data<Job>(202, `/functions/${id}/invoke`, { json, headers })
  }

  job(id: number): Promise<Job> {
    return this.data<Job>(200, `/jobs/${id}`)
  }

  cancel(id: number): Promise<Answer> {
    return this.ask(`/jobs/${id}/cancel`, { method: 'POST' })
  }

  /** The job at its end. */
  ended(id: number): Promise<Job> {
    const end = async () => {
      const job = await this.job(id)
      return job.status === 'success' || job.status === 'failed' ? job : undefined
    }
    return until(end, { what: `the end of job ${id}` })
  }

  async jobs(id: number, query = ''): Promise<readonly Job[]> {
    return (await this.data<{ jobs: Job[] }>(200, `/functions/${id}/jobs${query}`)).jobs
  }

  metrics(id: number): Promise<Metrics> {
    return this.data<Metrics>(200, `/functions/${id}/metrics`)
  }
}

/** The error, in the format of the surface and nothing beside it. */
export function refusalOf(body: Envelope): Refusal {
  assert.deepEqual(Object.keys(body), ['success', 'error'])
  assert.equal(body.success, false)
  const { error } = body
  assert.ok(error)
  assert.match(error.code, /^[A-Z_]+$/)
  assert.ok(error.message.length > 0)
  assert.equal(typeof error.details, 'object')
  return error
}
