/** The lambda API as its tests call it. */
import assert from 'node:assert/strict'
import { SignJWT } from 'jose'
import { fetchJson, type JsonAnswer, type JsonRequest } from '../support/fetch-json.ts'

export interface Refused {
  readonly request_id?: string
  readonly error: {
    readonly code: string
    readonly message: string
    readonly details: Readonly<Record<string, unknown>>
  }
}

export interface Initialized {
  readonly request_id: string
  readonly status: 'initialized'
  readonly expires_at: string
}

export interface Executed {
  readonly request_id: string
  readonly language_title: string
  readonly execution_time: number
  readonly cached: boolean
  readonly result: unknown
  readonly job_id: number
}

export interface SessionView {
  readonly request_id: string
  readonly language_title: string
  readonly status: 'initialized' | 'active'
  readonly created_at: string
  readonly expires_at: string
  readonly execution_count: number
  readonly last_executed_at: string | null
}

type Headers = Readonly<Record<string, string>>

const API_KEY = 'a key for the tests of sessions'.replaceAll(' ', '-')
const JWT_SECRET = 'a secret for the tests of sessions'

/** What a platform is started with, so that its lambda API can be asked. */
export const LAMBDA_ENV = { SLUICE_API_KEY: API_KEY, JWT_SECRET, RATE_LIMITS: 'off' }
/** As the owner of what was made without credentials. */
export const KEYED: Headers = { 'x-api-key': API_KEY }

/** As somebody else. */
export async function bearer(owner: string, scope: string): Promise<Headers> {
  const token = await new SignJWT({ owner, scope })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(owner)
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(new TextEncoder().encode(JWT_SECRET))
  return { authorization: `Bearer ${token}` }
}

export const NO_CACHE: Headers = { 'x-cache-control': 'no-cache' }
export const RETAINED = { retain_session: true }

export class LambdaApi {
  readonly url: string
  readonly #headers: Headers

  /** `headers` go with every request. */
  constructor(url: string, headers: Headers = {}) {
    this.url = url
    this.#headers = headers
  }

  ask<T = Refused>(path: string, request: JsonRequest = {}): Promise<JsonAnswer<T>> {
    const headers = { ...this.#headers, ...request.headers }
    return fetchJson<T>(`${this.url}${path}`, { ...request, headers })
  }

  async refused(status: number, path: string, request: JsonRequest = {}): Promise<Refused> {
    const { status: given, body } = await this.ask(path, request)
    assert.equal(given, status, `${path}: ${JSON.stringify(body)}`)
    return refusalOf(body)
  }

  async initialize(title: string, context?: object, headers: Headers = {}): Promise<Initialized> {
    return this.#good<Initialized>('/api/v1/initialize', {
      json: context === undefined ? {} : { context },
      headers: { 'language-title': encodeURIComponent(title), ...headers },
    })
  }

  execute(id: string, params: unknown = {}, headers: Headers = {}): Promise<JsonAnswer<Executed>> {
    return this.ask<Executed>(`/api/v1/execute/${id}`, { json: { params }, headers })
  }

  async executed(id: string, params: unknown = {}, headers: Headers = {}): Promise<Executed> {
    return this.#good<Executed>(`/api/v1/execute/${id}`, { json: { params }, headers })
  }

  /** Not from the cache. */
  async run(id: string, params: unknown = {}): Promise<unknown> {
    return (await this.executed(id, params, NO_CACHE)).result
  }

  async failed(status: number, id: string, params: unknown = {}): Promise<Refused> {
    return this.refused(status, `/api/v1/execute/${id}`, { json: { params }, headers: NO_CACHE })
  }

  session(id: string): Promise<SessionView> {
    return this.#good<SessionView>(`/api/v1/sessions/${id}`)
  }

  close(id: string): Promise<JsonAnswer<Refused>> {
    return this.ask(`/api/v1/sessions/${id}`, { method: 'DELETE' })
  }

  async #good<T>(path: string, request: JsonRequest = {}): Promise<T> {
    const { status, body } = await this.ask<T>(path, request)
    assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`)
    return body
  }
}

/** The error, in the format of the surface and nothing beside it. */
export function refusalOf(body: Refused): Refused {
  const { error, request_id, ...rest } = body
  assert.deepEqual(rest, {})
  assert.deepEqual(Object.keys(error), ['code', 'message', 'details'])
  assert.match(error.code, /^[A-Z_]+$/)
  assert.ok(error.message.length > 0)
  assert.equal(typeof error.details, 'object')
  if (request_id !== undefined) assert.equal(typeof request_id, 'string')
  return body
}
