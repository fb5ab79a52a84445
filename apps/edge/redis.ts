/**
 * Redis, as something that edges share when it is there and do without when it is not.
 *
 * Invariants:
 * 1. A use costs at most `timeoutMs`, once: the use that fails bypasses Redis for everybody
 *    until it answers again, which is tried in the background.
 * 2. It is up when it takes a write: one that is full, read-only or still loading is down too.
 * 3. The log has a line for each change, not for each use.
 * 4. It may be down at the start: nobody waits for it.
 */
import { Redis } from 'ioredis'
import type { Log } from '#runtime/log.ts'

const TIMEOUT_MS = 100
const CONNECT_TIMEOUT_MS = 1_000
/** A connection on which questions find no answer for so long is opened anew; not before one is late. */
const SILENT_MS = 2_000
const CHECK_EVERY_MS = 250
const RECONNECT_FIRST_MS = 50
const RECONNECT_MAX_MS = 1_000
const PROBE_KEY = 'sluice:probe'
const PROBE_TTL_MS = 1_000

export interface RedisLinkOptions {
  readonly url: string
  readonly log: Log
  /** For one answer; 100 by default. */
  readonly timeoutMs?: number
}

type Scripts = Readonly<
  Record<string, (keyCount: number, ...keysAndArgs: (string | number)[]) => Promise<unknown>>
>

export class RedisLink implements AsyncDisposable {
  readonly #log: Log
  readonly #client: Redis
  readonly #timeoutMs: number
  #isUp = false
  #isClosed = false
  /** What was said last: `up`, `down`, or what one use came to grief on. */
  #told = ''
  /** Of the connection; what a use without one says is less telling. */
  #trouble: Error | undefined
  #checking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  private constructor({ url, log, timeoutMs = TIMEOUT_MS }: RedisLinkOptions) {
    this.#log = log
    this.#timeoutMs = timeoutMs
    this.#client = new Redis(url, {
      lazyConnect: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: Math.max(SILENT_MS, timeoutMs),
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (times) => Math.min(RECONNECT_FIRST_MS * 2 ** times, RECONNECT_MAX_MS),
    })
    this.#client.on('error', (error: Error) => (this.#trouble = error))
    this.#client.on('close', () => this.#doubt(new Error('the connection to Redis closed')))
  }

  /** Resolves when it is known whether Redis is there. */
  static async open(options: RedisLinkOptions): Promise<RedisLink> {
    const link = new RedisLink(options)
    // The check says what came of it; the client goes on trying.
    await link.#client.connect().catch(() => undefined)
    await link.#check()
    return link
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Undefined: Redis is bypassed, or just failed. */
  async use<T>(action: (client: Redis) => Promise<T>): Promise<T | undefined> {
    if (!this.#isUp) return undefined
    try {
      return await inTime(action(this.#client), this.#timeoutMs)
    } catch (error) {
      this.#doubt(error as Error)
      return undefined
    }
  }

  /** Lua that runs under this name, sent whole only where Redis does not know it. */
  define(script: string, lua: string): void {
    this.#client.defineCommand(script, { lua })
  }

  run(
    script: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return this.use((client) => {
      const { [script]: call } = client as unknown as Scripts
      if (call === undefined) throw new Error(`no script is called ${script}`)
      return call.call(client, keys.length, ...keys, ...args)
    })
  }

  /** Uses Redis, whatever was thought of it; rejects when it is down. */
  async probe(): Promise<void> {
    await inTime(this.#client.set(PROBE_KEY, '1', 'PX', PROBE_TTL_MS), this.#timeoutMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#isUp = false
    clearTimeout(this.#timer)
    this.#client.disconnect()
    await this.#checking
  }

  /** From the first failure on nobody waits for it, until a check has gone well. */
  #doubt(error: Error): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#checking = this.#check(error)
  }

  async #check(doubt?: Error): Promise<void> {
    try {
      await this.probe()
    } catch (error) {
      if (this.#isClosed) return
      this.#tell('down', () => this.#log.warn('redis_down', { error: this.#trouble ?? error }))
      this.#timer = setTimeout(() => {
        this.#checking = this.#check()
      }, CHECK_EVERY_MS).unref()
      return
    }
    if (this.#isClosed) return
    this.#isUp = true
    this.#trouble = undefined
    if (doubt === undefined) this.#tell('up', () => this.#log.info('redis_up'))
    else this.#tell(doubt.message, () => this.#log.warn('redis_faltered', { error: doubt }))
  }

  #tell(what: string, say: () => void): void {
    if (this.#told === what) return
    this.#told = what
    say()
  }
}

/**
 * A process that was held up finds its timers due before it has read what came in time, so the
 * verdict waits until it has looked once. (The client's own time-out does not.)
 */
function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`Redis did not answer within ${timeoutMs} ms`))
    const timer = setTimeout(() => setImmediate(late), timeoutMs)
    answer.finally(() => clearTimeout(timer)).then(resolve, reject)
  })
}
