/** A reader of a GraphQL subscription: what its blocks carry, in order of arrival. */
import type { GraphqlBody, Headers } from './graphql-api.ts'

export class GraphqlReader<Data> implements Disposable {
  readonly values: GraphqlBody<Data>[] = []
  readonly status: number
  readonly type: string | null
  /** Resolves with whether it was told that it is complete. */
  readonly ended: Promise<boolean>
  readonly #hangUp: AbortController

  private constructor(response: Response, hangUp: AbortController) {
    this.status = response.status
    this.type = response.headers.get('content-type')
    this.#hangUp = hangUp
    this.ended = this.#read(response)
  }

  static async open<Data>(
    url: string,
    body: { readonly query: string; readonly variables?: object },
    headers: Headers = {},
  ): Promise<GraphqlReader<Data>> {
    const hangUp = new AbortController()
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        ...headers,
      },
      body: JSON.stringify(body),
      signal: hangUp.signal,
    })
    return new GraphqlReader<Data>(response, hangUp)
  }

  get data(): readonly (Data | null | undefined)[] {
    return this.values.map(({ data }) => data)
  }

  [Symbol.dispose](): void {
    this.#hangUp.abort()
  }

  async #read(response: Response): Promise<boolean> {
    let text = ''
    try {
      for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const blocks = (text + piece).split('\n\n')
        text = blocks.pop() ?? ''
        for (const block of blocks) {
          if (block.startsWith('event: complete')) return true
          const data = /^data: (.*)$/m.exec(block)?.[1]
          if (data !== undefined) this.values.push(JSON.parse(data) as GraphqlBody<Data>)
        }
      }
    } catch {
      // Hung up, by the test or by the edge: what has come is what counts.
    }
    return false
  }
}
