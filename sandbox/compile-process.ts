/**
 * One confined compile: a source goes in, a program or the compiler's complaints come out.
 *
 * Invariants:
 * 1. The source arrives through the channel, and only once the process is in its cgroup; the program
 *    comes back through it. No file of the host holds either, and neither is buffered past its cap.
 * 2. It ends by itself or by a kill through the pid that bubblewrap reports, never through its
 *    monitor; it counts as ended when every descriptor of it is closed.
 */
import type { Cgroup } from './cgroup.ts'
import { type SpawnOptions, spawnConfined } from './spawn.ts'

const PROGRAM_BYTES = 32 * 1024 * 1024
const SAID_BYTES = 1024 * 1024

export interface CompileOptions extends SpawnOptions {
  readonly source: string
  readonly timeoutMs: number
}

export type Compiled =
  | { readonly kind: 'program'; readonly bytes: Buffer }
  /** What the compiler said, one JSON object a line, and how it ended. */
  | { readonly kind: 'refused'; readonly said: string; readonly exitCode: number | null }
  | { readonly kind: 'too-large' | 'too-slow' | 'out-of-memory' | 'closed' }

type EndedBy = Exclude<Compiled['kind'], 'program' | 'refused'>

export class CompileProcess {
  /** Resolves when nothing of it is left; rejects if it could not be started. */
  readonly ended: Promise<Compiled>
  #child: ReturnType<typeof spawnConfined>
  #pid: number | undefined
  #cause: EndedBy | undefined

  constructor(options: CompileOptions) {
    this.#child = spawnConfined(options)
    this.ended = this.#run(options)
  }

  kill(cause: EndedBy): void {
    this.#cause ??= cause
    const { exitCode, signalCode } = this.#child.child
    // Unknown yet: it is sent as soon as the pid is reported. Exited: the pid is not ours.
    if (this.#pid === undefined || exitCode !== null || signalCode !== null) return
    try {
      process.kill(this.#pid, 'SIGKILL')
    } catch {
      // Already gone; 'close' will tell.
    }
  }

  async #run(options: CompileOptions): Promise<Compiled> {
    const { child, control, stdout, stderr, childPid } = this.#child
    const program = collect(control, PROGRAM_BYTES, () => this.kill('too-large'))
    const said = collect(stderr, SAID_BYTES)
    collect(stdout, 0)
    const closed = new Promise<number | null>((resolve, reject) => {
      child.once('close', resolve)
      child.once('error', reject)
    })
    const timer = setTimeout(() => this.kill('too-slow'), options.timeoutMs)
    let group: Cgroup | undefined
    const fed = this.#feed(childPid, options).then((made) => (group = made))
    // What it was not given, it says at its end.
    fed.catch(() => this.kill('closed'))
    try {
      const exitCode = await closed
      if (this.#cause !== undefined) return { kind: this.#cause }
      if (exitCode === 0) return { kind: 'program', bytes: program() }
      if (await group?.outOfMemory()) return { kind: 'out-of-memory' }
      return { kind: 'refused', said: said().toString('utf8'), exitCode }
    } finally {
      clearTimeout(timer)
      await group?.remove()
    }
  }

  async #feed(childPid: Promise<number>, options: CompileOptions): Promise<Cgroup | undefined> {
    const { control } = this.#child
    const making = options.cgroup?.()
    this.#pid = await childPid
    if (this.#cause !== undefined) this.kill(this.#cause)
    const group = await making
    await group?.attach(this.#pid)
    group?.limit(options.memoryMb)
    control.end(options.source)
    return group
  }
}

interface Source {
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  on(event: 'error', listener: () => void): unknown
}

/** Keeps what fits; what came is whole only if nothing was too much. */
function collect(from: Source, most: number, onTooMuch?: () => void): () => Buffer {
  const chunks: Buffer[] = []
  let bytes = 0
  from.on('data', (chunk) => {
    bytes += chunk.length
    if (bytes <= most) chunks.push(chunk)
    else onTooMuch?.()
  })
  // Its end is told by 'close'.
  from.on('error', () => {})
  return () => Buffer.concat(chunks)
}
