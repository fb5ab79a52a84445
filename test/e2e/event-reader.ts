/** A reader of live events in a test: server-sent events off a real connection, in order of arrival. */
import { until } from '../support/until.ts'

export interface Block {
  readonly id: string | undefined
  readonly event: string | undefined
  readonly data: Readonly<Record<string, unknown>> | undefined
  readonly comment: string | undefined
}

export interface ReaderOptions {
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
}

export class EventReader implements Disposable {
  readonly blocks: Block[] = []
  readonly response: Response
  readonly #hangUp: AbortController
  readonly #reading: Promise<void>
  #isOver = false

  private constructor(response: Response, hangUp: AbortController) {
    this.response = response
    this.#hangUp = hangUp
    this.#reading = this.#read()
  }

  /** Resolves when it has been told where it begins. */
  static async open(url: string, options: ReaderOptions = {}): Promise<EventReader> {
    const { query = '', headers = {} } = options
    const hangUp = new AbortController()
    const response = await fetch(`${url}/api/v1/events${query}`, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: hangUp.signal,
    })
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
    const reader = new EventReader(response, hangUp)
    await until(() => reader.lastId !== undefined)
    return reader
  }

  /** Without the starts of jobs: on a busy machine any run may take long enough to be told of. */
  get events(): readonly Block[] {
    return this.blocks.filter(
      ({ data, event }) => data !== undefined && event !== 'cut' && event !== 'job.started',
    )
  }

  get seqs(): readonly number[] {
    return this.events.map(({ id }) => Number(id))
  }

  get types(): readonly (string | undefined)[] {
    return this.events.map(({ event }) => event)
  }

  get cut(): Block | undefined {
    return this.blocks.find(({ event }) => event === 'cut')
  }

  /** What a browser would send on a reconnection. */
  get lastId(): string | undefined {
    return this.blocks.findLast(({ id }) => id !== undefined)?.id
  }

  get isOver(): boolean {
    return this.#isOver
  }

  [Symbol.dispose](): void {
    this.#hangUp.abort()
  }

  async #read(): Promise<void> {
    let text = ''
    try {
      for await (const piece of this.response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const parts = (text + piece).split('\n\n')
        text = parts.pop() ?? ''
        this.blocks.push(...parts.map(blockOf))
      }
    } catch {
      // Hung up, by the test or by the edge: what has come is what counts.
    }
    this.#isOver = true
  }
}

function blockOf(text: string): Block {
  const lines = text.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line) ?? [])
  const field = (wanted: string) => lines.find(([, name]) => name === wanted)?.[2]
  const data = field('data')
  return {
    id: field('id'),
    event: field('event'),
    data: data === undefined ? undefined : (JSON.parse(data) as Record<string, unknown>),
    comment: field(''),
  }
}
