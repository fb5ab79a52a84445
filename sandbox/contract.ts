/**
 * What the sandbox promises to whoever runs user code through it.
 *
 * Invariants:
 * 1. User code runs confined or not at all: at level `unavailable` every run is refused.
 * 2. One process serves one (owner, function, version, limits) for its whole life; one that is
 *    pinned serves one user of that only, and one that was started `fresh` one run.
 * 3. A failure of the user's code is a result (`RunFailure`), never an exception. A failure of the
 *    sandbox itself (no process could be started, the host killed it) is a thrown `SandboxError`:
 *    the caller may try again, because the user's code is not to blame.
 * 4. When a run ends by time, memory or output limit, or breaks the protocol, its process is gone.
 */

export type RuntimeName = 'python' | 'nodejs' | 'rust'

/** Those whose source is read at run time; the others are compiled. */
export type InterpretedName = Exclude<RuntimeName, 'rust'>

/** `full`: namespaces, seccomp, rlimits and cgroups. `user`: the same without cgroups. */
export type SandboxLevel = 'full' | 'user' | 'unavailable'

/** Why a run failed, as the job shows it. */
export type RunFailureCode = 'TIMEOUT' | 'MEMORY_LIMIT' | 'OUTPUT_LIMIT' | 'RUNTIME_ERROR'

/** What identifies a process: two runs share one only if all of it is equal. */
export interface Program {
  readonly owner: string
  readonly functionId: number
  readonly version: number
  readonly runtime: RuntimeName
  readonly code: string
  readonly env: Readonly<Record<string, string>>
  readonly memoryMb: number
}

export interface Run {
  readonly program: Program
  /** The event as JSON text; the caller has validated it. */
  readonly event: string
  /** Handed to the user's code as its optional second argument. */
  readonly context: RunContext
  /** Wall clock, from the moment that the user's code gets the event. */
  readonly timeoutMs: number
  /** In a process that has never run anything, and never will again. */
  readonly fresh?: boolean
  /** Called once, when a process has the event (not while the run waits for a process). */
  readonly onStart?: () => void
  /** Ends the run: its process is killed and `run` rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface RunContext {
  readonly job_id: number
  readonly function_id: number
  readonly function_name: string
  readonly function_version: number
  readonly attempt: number
  /** ISO 8601. */
  readonly deadline: string
  readonly traceparent: string
  /** ISO 8601: the tick that made the job; only of a scheduled one. */
  readonly scheduled_for?: string
  /** Of an execution of a session; what its client put into the context stands beside it. */
  readonly session?: { readonly id: string; readonly retain_session: boolean }
  readonly [member: string]: unknown
}

export interface LogLine {
  readonly stream: 'stdout' | 'stderr'
  /** ISO 8601, when the sandbox's host read it. */
  readonly time: string
  readonly text: string
}

/** Where in the user's source something went wrong; lines and columns count from 1. */
export interface SourceError {
  readonly code: RunFailureCode
  readonly message: string
  /** The exception's own name, such as `ValueError` or `TypeError`. */
  readonly type?: string
  readonly line?: number
  readonly column?: number
  /** Frames of the user's source only. */
  readonly stack?: string
}

export interface RunUsage {
  /** Wall time around the user's code, with microsecond resolution. */
  readonly durationMs: number
  /** CPU time of the sandboxed process during the run. */
  readonly cpuMs: number
  /** Peak resident memory of the process so far. */
  readonly memoryBytes: number
  /** True if the run was the first of its process. */
  readonly cold: boolean
}

export interface RunResult {
  /** `result` is valid JSON text of at most the result limit. */
  readonly outcome:
    | { readonly ok: true; readonly result: string }
    | { readonly ok: false; readonly error: SourceError }
  readonly usage: RunUsage
  readonly logs: readonly LogLine[]
  /** True if output past the kept size was dropped. */
  readonly logsTruncated: boolean
}

/** What a source check found: `ok`, or where the source is not a program or defines no handler. */
export type CheckResult =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly message: string
      readonly line?: number
      readonly column?: number
    }

/** A process that is kept for one user of its program. */
export interface Pinned {
  /** One call at a time; the program of `run` is the one that was pinned. */
  run(run: Run): Promise<RunResult>
  /** Resolves when the process is gone, whatever ended it, or could not be had. */
  readonly ended: Promise<void>
  /** Ends it. */
  close(): void
}

export interface SandboxStats {
  readonly level: SandboxLevel
  /** Why the level is not `full`, and how to reach it. */
  readonly reason?: string
  /** Per runtime: is it usable, and if not, why. */
  readonly runtimes: Readonly<
    Record<RuntimeName, { readonly ok: boolean; readonly reason?: string }>
  >
  readonly spares: number
  readonly busy: number
  readonly idle: number
  readonly pinned: number
  readonly started: number
  readonly killed: number
}

export interface Sandbox {
  /** Probes, then fills the pool of spares. Resolves when the first spare of each runtime waits. */
  start(): Promise<void>
  run(run: Run): Promise<RunResult>
  /** Takes a process out of the pool for good: it counts for nobody and makes room for nobody. */
  pin(program: Program): Pinned
  /**
   * Parses the source inside the sandbox without running it, or compiles it. Aborted while it waits for its turn,
   * it is not begun, and `check` rejects with the signal's reason.
   */
  check(runtime: RuntimeName, code: string, signal?: AbortSignal): Promise<CheckResult>
  stats(): SandboxStats
  /** Ends every process; runs in flight reject with a `SandboxError`. */
  close(): Promise<void>
}

/** The sandbox could not do its work; the user's code is not to blame. */
export class SandboxError extends Error {
  readonly code: 'SANDBOX_UNAVAILABLE' | 'SANDBOX_FAILED' | 'SANDBOX_CLOSED'
  constructor(code: SandboxError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SandboxError'
    this.code = code
  }
}

export const LIMITS = {
  eventBytes: 1024 * 1024,
  resultBytes: 1024 * 1024,
  /** Kept for the job's logs. */
  logKeptBytes: 64 * 1024,
  /** What the kept ones may take as JSON. */
  logJsonBytes: 128 * 1024,
  /** Output of one run past this ends it with OUTPUT_LIMIT. */
  logKillBytes: 8 * 1024 * 1024,
  tmpBytes: 16 * 1024 * 1024,
  memoryMbDefault: 128,
  memoryMbMin: 64,
  memoryMbMax: 2048,
  /** The deepest nesting of arrays and objects that events and results may have. */
  jsonDepth: 512,
} as const
