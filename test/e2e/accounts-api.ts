/** Users, keys and tokens as their tests ask for them. */
import assert from 'node:assert/strict'
import { fetchJson, type JsonAnswer, type JsonRequest } from '../support/fetch-json.ts'
import { until } from '../support/until.ts'

export interface UserView {
  readonly username: string
  readonly owner: string
  readonly scopes: readonly string[]
  readonly created_at: string
  readonly updated_at: string
}

export interface KeyView {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly last_four: string
  readonly created_at: string
  readonly expires_at: string | null
  readonly last_used_at: string | null
  readonly revoked_at: string | null
  readonly active: boolean
}

export interface NewKeyView extends KeyView {
  readonly key: string
}

export interface Refused {
  readonly code: string
  readonly detail: string
  readonly status: number
  readonly details?: Readonly<Record<string, unknown>>
}

let made = 0
/** A name of its own. */
export const freshUser = () => `user-${process.pid}-${++made}`

export const PASSWORD = 'correct horse battery'

export class AccountsApi {
  readonly url: string
  readonly #credential: string | undefined

  /** `credential`: a token or a key. */
  constructor(url: string, credential?: string) {
    this.url = url
    this.#credential = credential
  }

  as(credential: string | undefined): AccountsApi {
    return new AccountsApi(this.url, credential)
  }

  ask<T = Refused>(path: string, request: JsonRequest = {}): Promise<JsonAnswer<T>> {
    const shown = this.#credential
    const authorization = shown === undefined ? {} : { authorization: `Bearer ${shown}` }
    const headers = { ...authorization, ...request.headers }
    return fetchJson<T>(`${this.url}${path}`, { ...request, headers })
  }

  /** The body of an answer with this status. */
  async get<T = Refused>(status: number, path: string, request: JsonRequest = {}): Promise<T> {
    const { status: given, body } = await this.ask<T>(path, request)
    assert.equal(given, status, `${path}: ${JSON.stringify(body)}`)
    return body
  }

  askToken<T = unknown>(username: unknown, password: unknown) {
    return this.ask<T>('/api/v1/auth/token', { json: { username, password } })
  }

  async token(username: string, password: string): Promise<string> {
    const ask = () => this.askToken<{ access_token: string }>(username, password)
    // The admin is made by a handler that starts, and an edge hears of it a moment later.
    const isEarly = (status: number) => username === 'admin' && status === 401
    const { status, body } = await until(async () => {
      const answer = await ask()
      return !isEarly(answer.status) && answer
    })
    assert.equal(status, 200, JSON.stringify(body))
    return body.access_token
  }

  createUser(username: string, scopes: readonly string[], more: object = {}): Promise<UserView> {
    const json = { username, password: PASSWORD, scopes, ...more }
    return this.get<UserView>(201, '/api/v1/users', { json })
  }

  /** Somebody new, signed in. */
  async newcomer(scopes: readonly string[], more: object = {}) {
    const username = freshUser()
    await this.createUser(username, scopes, more)
    return { username, api: this.as(await this.as(undefined).token(username, PASSWORD)) }
  }

  createKey(scopes: readonly string[], more: object = {}): Promise<NewKeyView> {
    return this.get<NewKeyView>(201, '/api/v1/keys', { json: { name: 'ci', scopes, ...more } })
  }

  async keys(): Promise<readonly KeyView[]> {
    return (await this.get<{ keys: readonly KeyView[] }>(200, '/api/v1/keys')).keys
  }

  async key(id: string): Promise<KeyView | undefined> {
    return (await this.keys()).find((key) => key.id === id)
  }

  revoke(id: string) {
    return this.ask(`/api/v1/keys/${id}`, { method: 'DELETE' })
  }
}
