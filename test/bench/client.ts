/** The platform's API as the measurements use it. */
export interface FunctionSpec {
  readonly name: string
  readonly runtime: 'python' | 'nodejs' | 'rust'
  readonly execution_type: 'sync' | 'async'
  readonly code: string
}

export const ECHO = {
  python: 'def handler(event): return event',
  nodejs: 'function handler(event) { return event }',
  rust: 'fn handler(event: Json) -> Result<Json, String> { Ok(event) }',
} as const

interface Answer<T> {
  readonly success: boolean
  readonly data: T
}

export class Client {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  invokeUrl(functionId: number): string {
    return `${this.#url}/functions/${functionId}/invoke`
  }

  async register(spec: FunctionSpec): Promise<number> {
    const { function_id } = await this.#ask<{ function_id: number }>('POST', '/functions', spec)
    return function_id
  }

  async invoke(functionId: number, event: unknown = { a: 1 }): Promise<void> {
    await this.#ask('POST', `/functions/${functionId}/invoke`, event)
  }

  async ended(functionId: number): Promise<number> {
    const { invocations } = await this.#ask<{ invocations: { total: number } }>(
      'GET',
      `/functions/${functionId}/metrics`,
    )
    return invocations.total
  }

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.#url + path, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    })
    const answer = (await response.json()) as Answer<T>
    if (!answer.success)
      throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`)
    return answer.data
  }
}
