/**
 * One sandboxed process, from its start to its last breath.
 *
 * Invariants:
 * 1. States go preparing → spare → busy ↔ idle → dead, never back to spare: a process that has seen
 *    user code serves that program only.
 * 2. It is killed through the pid that bubblewrap reports, never through bubblewrap itself: killing
 *    the monitor while it sets up leaves the sandbox alive.
 * 3. It counts as dead when every descriptor of it is closed, not when a signal has been sent.
 * 4. One call at a time, with an unguessed id; any other frame than its answer ends the process.
 *
 * Siblings: `spawn.ts` makes the child, `frames.ts` the bytes, `death.ts` what an end means.
 */
import { randomFillSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Cgroup } from './cgroup.ts'
import { type Death, type EndCause, SIGKILL_EXIT } from './death.ts'
import { LIMITS } from './contract.ts'
import { type Frame, FrameReader, frameType, USAGE_BYTES } from './frames.ts'
import { LogBuffer } from './logs.ts'
import { type SpawnOptions, spawnConfined } from './spawn.ts'

const READY_TIMEOUT_MS = 15_000
const HANGUP_GRACE_MS = 500
const PAGE_BYTES = 4096

export type Answer =
  | { readonly kind: 'frame'; readonly frame: Frame; readonly wallMs: number }
  | { readonly kind: 'death'; readonly death: Death; readonly wallMs: number }

interface Call {
  readonly id: number
  readonly logs: LogBuffer
  readonly sentAt: number
  readonly resolve: (answer: Answer) => void
  timer: NodeJS.Timeout | undefined
  frame: Frame | undefined
  wallMs: number
}

interface Memory {
  readonly addressBytes: number
  readonly residentBytes: number
  readonly dataBytes: number
}

export class SandboxProcess {
  /** Resolves once it waits for user code; rejects if it ends before. */
  readonly ready: Promise<void>
  /** Resolves when it is gone; never rejects. */
  readonly closed: Promise<Death>
  /** Resolves when nothing of it is left, its cgroup neither. */
  readonly removed: Promise<void>
  /** What the interpreter itself uses, measured before any user code. */
  base: Memory = { addressBytes: 0, residentBytes: 0, dataBytes: 0 }
  cgroup: Cgroup | undefined
  calls = 0

  readonly #slot: SpawnOptions['slot']
  readonly #child: ChildProcess
  readonly #control: Socket
  #group: Promise<Cgroup> | undefined
  readonly #setupOutput = new LogBuffer()
  readonly #settleDeath: (death: Death) => void
  #state: 'preparing' | 'waiting' | 'busy' | 'dead' = 'preparing'
  #pid: number | undefined
  #exited = false
  #frozen = false
  #cause: EndCause | undefined
  #causeDetail: string | undefined
  #saidOutOfMemory = false
  #call: Call | undefined

  constructor(options: SpawnOptions) {
    const closed = Promise.withResolvers<Death>()
    this.closed = closed.promise
    this.#settleDeath = closed.resolve
    this.#slot = options.slot
    const spawned = spawnConfined(options)
    this.#child = spawned.child
    this.#control = spawned.control
    this.#child.once('exit', () => (this.#exited = true))
    this.#child.once('error', (error) => this.#failToSpawn(error))
    this.removed = new Promise((resolve, reject) => {
      this.#child.once('close', (code, signal) => {
        this.#close(code, signal).then(resolve, reject)
      })
    })
    this.removed.catch((error: unknown) => options.onTrouble?.(error))
    this.#listenToOutput('stdout', spawned.stdout)
    this.#listenToOutput('stderr', spawned.stderr)
    this.ready = this.#prepare(spawned.childPid, options)
    this.ready.catch(() => this.kill('setup'))
  }

  get alive(): boolean {
    return this.#state !== 'dead' && this.#cause === undefined && !this.#exited
  }

  get frozen(): boolean {
    return this.#frozen
  }

  get pid(): number | undefined {
    return this.#pid
  }

  async #prepare(childPid: Promise<number>, options: SpawnOptions): Promise<void> {
    const said = Promise.withResolvers<void>()
    const reader = new FrameReader(LIMITS.resultBytes + USAGE_BYTES)
    const onFrame = (frame: Frame) => {
      if (this.#state !== 'preparing') return this.#onFrame(frame)
      if (frame.type !== frameType.ready)
        return this.kill('protocol', 'it spoke before it was asked')
      this.#state = 'waiting'
      said.resolve()
    }
    this.#control.on('data', (chunk: Buffer) => {
      if (this.#cause !== undefined) return
      try {
        reader.push(chunk, onFrame)
      } catch (error) {
        this.kill('protocol', error instanceof Error ? error.message : undefined)
      }
    })
    this.#control.on('end', () => this.#onHangup())
    this.#control.on('error', () => {})
    const tooSlow = setTimeout(() => {
      this.kill('setup', 'it did not start in time')
      // No pid yet means that nothing has been started yet: here the monitor may be killed.
      if (this.#pid === undefined) this.#child.kill('SIGKILL')
    }, READY_TIMEOUT_MS)
    const ended = this.closed.then((death) => {
      throw new Error(death.detail ?? 'the sandboxed process ended before it was ready')
    })
    try {
      const group = (this.#group = options.cgroup?.().then((made) => (this.cgroup = made)))
      const attached = childPid.then(async (pid) => {
        this.#pid = pid
        if (this.#cause !== undefined) this.#signal('SIGKILL')
        await (await group)?.attach(pid)
        return pid
      })
      const all = Promise.all([attached, said.promise, group])
      const [pid] = await Promise.race([all, ended])
      const [memory] = await Promise.all([
        readMemory(pid),
        this.cgroup?.measureBase(options.memoryMb),
      ])
      this.base = memory
    } finally {
      clearTimeout(tooSlow)
    }
  }

  /** Before its first call: what is compiled needs its program, which may take a compile. */
  async admit(code: string): Promise<void> {
    await this.#slot?.fill(code)
  }

  /** Sends a frame (made with the id given) and waits for its answer or for the end. */
  call(options: {
    makeFrame: (id: number) => Buffer
    timeoutMs: number
    logs: LogBuffer
    onSent?: (() => void) | undefined
  }): Promise<Answer> {
    if (this.#state !== 'waiting') throw new Error(`a process that is ${this.#state} was called`)
    if (this.#frozen) {
      this.#frozen = false
      this.#signal('SIGCONT')
    }
    this.#state = 'busy'
    this.calls += 1
    const id = nextId()
    return new Promise((resolve) => {
      this.#control.write(options.makeFrame(id))
      const sentAt = performance.now()
      const timer = setTimeout(() => this.#onTimeout(id), options.timeoutMs)
      const { logs } = options
      this.#call = { id, logs, sentAt, resolve, timer, frame: undefined, wallMs: 0 }
      options.onSent?.()
    })
  }

  /** Ends it; the first cause given is the one that counts. */
  kill(cause: EndCause, detail?: string): void {
    if (this.#cause !== undefined || this.#state === 'dead') return
    this.#cause = cause
    this.#causeDetail = detail
    this.#signal('SIGKILL')
  }

  /** Stops it between calls; the next call wakes it. */
  freeze(): void {
    if (this.#frozen || this.#state !== 'waiting' || !this.alive) return
    this.#frozen = true
    this.#signal('SIGSTOP')
  }

  /** Null if it cannot be read (any more). */
  async memory(): Promise<Memory | null> {
    return this.#pid === undefined ? null : readMemory(this.#pid).catch(() => null)
  }

  #signal(signal: NodeJS.Signals): void {
    // Unknown yet: `#prepare` sends it as soon as the pid is reported. Exited: the pid is not ours.
    if (this.#pid === undefined || this.#exited) return
    try {
      process.kill(this.#pid, signal)
    } catch {
      // Already gone; 'close' will tell.
    }
  }

  #onFrame(frame: Frame): void {
    const call = this.#call
    if (call === undefined || call.frame !== undefined || frame.id !== call.id) {
      this.kill('protocol', 'it sent a frame that nobody had asked for')
      return
    }
    call.frame = frame
    call.wallMs = performance.now() - call.sentAt
    clearTimeout(call.timer)
    // What the run has printed before its answer is readable by now: the rest of this turn of the
    // event loop reads it, and a second frame is seen as well.
    setImmediate(() => this.#finish(call, frame))
  }

  #finish(call: Call, frame: Frame): void {
    if (this.#call !== call || this.#cause !== undefined) return
    this.#call = undefined
    this.#state = 'waiting'
    call.resolve({ kind: 'frame', frame, wallMs: call.wallMs })
  }

  #onTimeout(id: number): void {
    // A host that was late itself must first read what has arrived meanwhile.
    setImmediate(() => {
      if (this.#call?.id === id && this.#call.frame === undefined) this.kill('timeout')
    })
  }

  /** The channel ends with the process, or because the function closed it and lives on. */
  #onHangup(): void {
    if (this.#exited || this.#state === 'preparing') return
    const timer = setTimeout(() => {
      // On its way out it is a zombie before its monitor has noticed; then there is nobody to kill.
      if (this.#pid !== undefined && isRunning(this.#pid)) this.kill('hangup')
    }, HANGUP_GRACE_MS)
    this.#child.once('exit', () => clearTimeout(timer))
  }

  #listenToOutput(stream: 'stdout' | 'stderr', socket: Socket): void {
    let betweenCalls = 0
    socket.on('data', (chunk: Buffer) => {
      if (stream === 'stderr' && saysOutOfMemory(chunk)) this.#saidOutOfMemory = true
      if (this.#state === 'preparing') return this.#setupOutput.add(stream, chunk)
      const logs = this.#call?.logs
      if (logs === undefined) {
        betweenCalls += chunk.length
        if (betweenCalls > LIMITS.logKeptBytes) this.kill('protocol', 'it printed between calls')
        return
      }
      logs.add(stream, chunk)
      if (logs.seenBytes > LIMITS.logKillBytes) this.kill('output')
    })
    socket.on('error', () => {})
  }

  #failToSpawn(error: Error): void {
    this.#exited = true
    this.#finishDeath({ exitCode: null, outOfMemory: false, detail: error.message })
  }

  async #close(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    const killed = code === SIGKILL_EXIT || signal === 'SIGKILL'
    // It was on its way out when we sent the signal: how it went says more than that we sent one.
    if (!killed && this.#cause === 'hangup') this.#cause = undefined
    const byKernel = killed && (await this.cgroup?.outOfMemory())
    const said = this.#setupOutput.lines().map((line) => line.text)
    this.#finishDeath({
      exitCode: code,
      outOfMemory: byKernel === true || (this.#saidOutOfMemory && code !== 0),
      detail: this.#causeDetail ?? (said.length > 0 ? said.join('\n').slice(0, 2000) : undefined),
    })
    // It may end while its group is still being made.
    const group = await this.#group?.catch(() => undefined)
    await group?.remove()
    await this.#slot?.remove()
  }

  #finishDeath(end: Omit<Death, 'cause'>): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    const death: Death = { cause: this.#cause, ...end }
    const call = this.#call
    this.#call = undefined
    if (call !== undefined) {
      clearTimeout(call.timer)
      const wallMs = call.frame === undefined ? performance.now() - call.sentAt : call.wallMs
      call.resolve({ kind: 'death', death, wallMs })
    }
    this.#settleDeath(death)
  }
}

/** V8's and rust's last words. */
const saysOutOfMemory = (chunk: Buffer) =>
  chunk.includes('out of memory') || chunk.includes('memory allocation of')

/** Never 0, which is the id of READY. */
function nextId(): number {
  for (;;) {
    if (unusedIds === 0) unusedIds = randomFillSync(ids).length
    unusedIds -= 1
    const id = ids[unusedIds]
    if (id !== undefined && id !== 0) return id
  }
}

/** Drawn in advance: a random number by itself costs more than the rest of a call's frame. */
const ids = new Uint32Array(256)
let unusedIds = 0

function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

async function readMemory(pid: number): Promise<Memory> {
  const fields = (await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')
  return {
    addressBytes: Number(fields[0]) * PAGE_BYTES,
    residentBytes: Number(fields[1]) * PAGE_BYTES,
    dataBytes: Number(fields[5]) * PAGE_BYTES,
  }
}
