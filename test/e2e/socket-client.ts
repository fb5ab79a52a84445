/** A client of the WebSocket in a test: what it is told, in order of arrival. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { until } from '../support/until.ts'

export interface Told {
  readonly type: string
  readonly id?: string
  readonly position?: number
  readonly reason?: string
  readonly event?: Readonly<Record<string, unknown>> & {
    readonly seq: number
    readonly type: string
  }
  readonly error?: { readonly code: string; readonly message: string; readonly details?: unknown }
}

export interface HandshakeRefusal {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Readonly<Record<string, unknown>>
}

export interface SocketOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly protocols?: readonly string[]
}

const connect = (url: string, { headers = {}, protocols = [] }: SocketOptions) =>
  new WebSocket(`${url.replace('http', 'ws')}/api/v1/ws`, [...protocols], { headers })

export class SocketClient implements Disposable {
  readonly told: Told[] = []
  readonly socket: WebSocket
  closed: { readonly code: number; readonly reason: string } | undefined

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer) => {
      this.told.push(JSON.parse(data.toString('utf8')) as Told)
    })
    socket.on('close', (code, reason) => (this.closed = { code, reason: reason.toString() }))
    socket.on('error', () => undefined)
  }

  static async open(url: string, options: SocketOptions = {}): Promise<SocketClient> {
    const client = new SocketClient(connect(url, options))
    await once(client.socket, 'open')
    return client
  }

  /** The HTTP answer of a handshake that is not granted. */
  static async refused(url: string, options: SocketOptions = {}): Promise<HandshakeRefusal> {
    const socket = connect(url, options)
    socket.on('error', () => undefined)
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
    let text = ''
    for await (const piece of response) text += String(piece)
    const { statusCode: status = 0, headers } = response
    return { status, headers, body: JSON.parse(text) as HandshakeRefusal['body'] }
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  /** The first of these that has been or will be told. */
  hears(wanted: Partial<Told>): Promise<Told> {
    const isWanted = (told: Told) =>
      Object.entries(wanted).every(([name, value]) => told[name as keyof Told] === value)
    return until(() => this.told.find(isWanted), { what: JSON.stringify(wanted) })
  }

  async subscribes(id: string, more: Readonly<Record<string, unknown>> = {}): Promise<number> {
    this.say({ type: 'subscribe', id, ...more })
    return (await this.hears({ type: 'subscribed', id })).position ?? NaN
  }

  /** Without the starts of jobs: on a busy machine any run may take long enough to be told of. */
  events(id: string): readonly NonNullable<Told['event']>[] {
    return this.told
      .flatMap((told) => (told.id === id && told.event ? [told.event] : []))
      .filter(({ type }) => type !== 'job.started')
  }

  [Symbol.dispose](): void {
    this.socket.terminate()
  }
}
