/** The chunk API as its tests call it. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { fetchJson, type JsonRequest } from '../support/fetch-json.ts'

export type Fields = Readonly<Record<string, unknown>>

/** Nothing is wrong with it. */
export const WHOLE =
  'The harvest mouse builds its nest high among the stalks of wheat. It weaves the living blades together, so that the nest stays green and hidden. When the corn is cut the mouse moves to the hedge, where it spends the winter below the roots. Owls, weasels and cats hunt it at night, and a wet spring takes more of the young than they do.'
/** The document's own sample, whose quality it finds wanting. */
export const SAMPLE = 'This is a sample chunk content...'

export const chunk = (content: string, chunk_id = `c-${randomUUID()}`) => ({ chunk_id, content })

export class ChunksApi {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  ask<T = Fields>(path: string, request: JsonRequest = {}) {
    return fetchJson<T>(`${this.#url}${path}`, request)
  }

  /** The body of an answer with 200. */
  async answer<T = Fields>(path: string, json?: unknown): Promise<T> {
    const { status, body } = await this.ask<T>(path, json === undefined ? {} : { json })
    assert.equal(status, 200, JSON.stringify(body))
    return body
  }
}
