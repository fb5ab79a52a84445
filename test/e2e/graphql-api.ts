/** The GraphQL API as its tests call it. */
import assert from 'node:assert/strict'
import { fetchJson, type JsonAnswer } from '../support/fetch-json.ts'

export interface GraphqlError {
  readonly message: string
  readonly path?: readonly (string | number)[]
  readonly extensions?: { readonly code?: string; readonly details?: Record<string, unknown> }
}

export interface GraphqlBody<Data = Record<string, unknown>> {
  readonly data?: Data | null
  readonly errors?: readonly GraphqlError[]
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** All that REST shows of each. */
export const FUNCTION = `id name runtime code execution_type created_at updated_at version description
  timeout_ms memory_mb schema examples env retry concurrency max_queue_age max_queue_depth
  schedule { cron time_zone overlap event enabled next_run_at }`
export const METRICS = `invocations { total successful failed cancelled }
  success_rate avg_execution_time cpu_usage memory_usage`
export const JOB = `id function_id status result timestamp duration function_version runtime attempt
  error { code message type line column stack } cancelled retry_at started_at finished_at run_at
  trigger scheduled_for session_id cached_from redriven_from`
export const OPTIMIZATION = `id chunk_id type priority title description suggested_action related_chunks
  related_total created_at status overall_score plan document_id batch_id
  related { chunk_id document_id similarity containment }
  metrics { chunk_id quality_score redundancy_score size_score similarity_score overall_score }`

export type Headers = Readonly<Record<string, string>>

export class GraphqlApi {
  readonly #url: string
  readonly #headers: Headers

  /** `headers` go with every request. */
  constructor(url: string, headers: Headers = {}) {
    this.#url = url
    this.#headers = headers
  }

  /** Whatever is sent, and whatever comes of it. */
  send<Data>(json: unknown, headers: Headers = {}): Promise<JsonAnswer<GraphqlBody<Data>>> {
    return fetchJson(`${this.#url}/graphql`, { json, headers: { ...this.#headers, ...headers } })
  }

  ask<Data>(query: string, variables?: object): Promise<JsonAnswer<GraphqlBody<Data>>> {
    return this.send({ query, ...(variables !== undefined && { variables }) })
  }

  /** The data of an answer without errors. */
  async data<Data>(query: string, variables?: object): Promise<Data> {
    const { status, body } = await this.ask<Data>(query, variables)
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual(body.errors, undefined)
    assert.ok(body.data)
    return body.data
  }

  /** The only error of an answer with this status. */
  async error(status: number, query: string, variables?: object): Promise<GraphqlError> {
    const { status: given, body } = await this.ask(query, variables)
    assert.equal(given, status, JSON.stringify(body))
    assert.equal(body.errors?.length, 1, JSON.stringify(body))
    return body.errors[0] as GraphqlError
  }
}
