/**
 * The sandbox: runs and checks untrusted functions in confined processes.
 *
 * Invariants:
 * 1. Nothing runs before the probe has shown that the confinement holds.
 * 2. Every process that was started is remembered until nothing of it is left; `close` waits for
 *    the last one.
 *
 * Siblings: `ground.ts` what the machine offers, `shelf.ts` spares, `pool.ts` who runs where.
 */
import { Checker, type Checkers } from './check.ts'
import { type Compiler, createCompilers } from './compile.ts'
import {
  type CheckResult,
  type InterpretedName,
  LIMITS,
  type Pinned,
  type Program,
  type Run,
  type RunResult,
  type RuntimeName,
  type Sandbox,
  SandboxError,
  type SandboxStats,
} from './contract.ts'
import { type Ground, layGround, startProcess } from './ground.ts'
import { resolveOptions, type ResolvedOptions, type SandboxOptions } from './options.ts'
import { PinnedProcess } from './pinned.ts'
import { Pool } from './pool.ts'
import { adviceFor, probes, readProbe } from './probe.ts'
import type { SandboxProcess } from './process.ts'
import { enterPath } from './runtimes/launch.ts'
import { serve } from './serve.ts'
import { Shelves } from './shelf.ts'
import { Slots } from './slots.ts'

const interpretedNames = ['python', 'nodejs'] as const satisfies readonly InterpretedName[]
const runtimeNames = [...interpretedNames, 'rust'] as const satisfies readonly RuntimeName[]
const PROBE_TIMEOUT_MS = 10_000

export function createSandbox(options: SandboxOptions): Sandbox {
  return new ProcessSandbox(resolveOptions(options))
}

interface Running {
  readonly ground: Ground
  readonly shelves: Shelves
  readonly pool: Pool
  readonly checkers: Checkers
}

class ProcessSandbox implements Sandbox {
  readonly #options: ResolvedOptions
  readonly #processes = new Set<SandboxProcess>()
  readonly #pinned = new Set<SandboxProcess>()
  readonly #runtimes: Record<RuntimeName, { ok: boolean; reason?: string }> = {
    python: { ok: false, reason: 'the sandbox has not been started' },
    nodejs: { ok: false, reason: 'the sandbox has not been started' },
    rust: { ok: false, reason: 'the sandbox has not been started' },
  }
  readonly #baseDataBytes: Partial<Record<RuntimeName, number>> = {}
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #ground: Ground | undefined
  #compiler: Compiler | undefined
  #slots: Slots | undefined
  #running: Running | undefined
  #reason = 'the sandbox has not been started'
  #started = 0
  #killed = 0

  constructor(options: ResolvedOptions) {
    this.#options = options
  }

  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async run(run: Run): Promise<RunResult> {
    return this.#usable(run.program.runtime).pool.run(run)
  }

  pin(program: Program): Pinned {
    return new PinnedProcess(this.#give(program))
  }

  async check(runtime: RuntimeName, code: string, signal?: AbortSignal): Promise<CheckResult> {
    const { checkers } = this.#usable(runtime)
    const checker = runtime === 'rust' ? this.#compiler : checkers[runtime]
    return (checker as Checker | Compiler).check(code, signal)
  }

  stats(): SandboxStats {
    const running = this.#running
    const reason = running === undefined ? this.#reason : running.ground.reason
    return {
      level: running?.ground.level ?? 'unavailable',
      ...(reason === undefined ? {} : { reason }),
      runtimes: structuredClone(this.#runtimes),
      spares: running?.shelves.count ?? 0,
      busy: running?.pool.busy ?? 0,
      idle: running?.pool.idle ?? 0,
      pinned: this.#pinned.size,
      started: this.#started,
      killed: this.#killed,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #give(program: Program): Promise<SandboxProcess> {
    const process = await this.#usable(program.runtime).pool.give(program)
    this.#pinned.add(process)
    process.closed.then(() => this.#pinned.delete(process)).catch(() => {})
    return process
  }

  #usable(runtime: RuntimeName): Running {
    if (this.#closing !== undefined) {
      throw closedError()
    }
    if (this.#running === undefined) throw new SandboxError('SANDBOX_UNAVAILABLE', this.#reason)
    const { ok, reason } = this.#runtimes[runtime]
    if (!ok) throw new SandboxError('SANDBOX_UNAVAILABLE', `${runtime}: ${reason ?? ''}`)
    return this.#running
  }

  async #start(): Promise<void> {
    try {
      this.#ground = await layGround(this.#options)
    } catch (error) {
      this.#reason = error instanceof Error ? error.message : String(error)
      this.#options.onEvent('unavailable', { reason: this.#reason })
      return
    }
    const ground = this.#ground
    await Promise.all(runtimeNames.map((runtime) => this.#probe(ground, runtime)))
    const usable = runtimeNames.filter((runtime) => this.#runtimes[runtime].ok)
    if (usable.length === 0) {
      this.#reason = this.#runtimes.nodejs.reason ?? 'no runtime is usable'
      this.#options.onEvent('unavailable', { reason: this.#reason })
      return
    }
    if (this.#closing !== undefined) return
    await this.#fill(ground, usable)
    const { level, reason } = this.stats()
    this.#options.onEvent('ready', { level, reason, runtimes: this.#runtimes })
  }

  /** Runs a function that tries to get out, and measures what the interpreter itself needs. */
  async #probe(ground: Ground, runtime: RuntimeName): Promise<void> {
    const refuse = (reason: string) => {
      this.#runtimes[runtime] = { ok: false, reason }
      this.#options.onEvent('runtime-unusable', { runtime, reason })
    }
    const needed = runtime === 'rust' ? ground.toolchain : ground.interpreters[runtime]
    if (needed instanceof Error) return refuse(needed.message)
    let process: SandboxProcess | undefined
    try {
      if (runtime === 'rust') await this.#prepareRust(ground)
      process = this.#startProcess(ground, runtime, LIMITS.memoryMbDefault)
      await process.ready
      this.#baseDataBytes[runtime] = process.base.dataBytes
      const { result } = await serve(process, probeRun(runtime))
      if (!result.outcome.ok) return refuse(`the probe failed: ${result.outcome.error.message}`)
      const hole = readProbe(result.outcome.result)
      if (hole !== undefined) return refuse(`the sandbox does not hold: ${hole}`)
      this.#runtimes[runtime] = { ok: true }
    } catch (error) {
      refuse(adviceFor(error instanceof Error ? error.message : String(error)))
    } finally {
      process?.kill('retired')
    }
  }

  /** What compiles, and the program that each spare waits in. */
  async #prepareRust(ground: Ground): Promise<void> {
    const { toolchain } = ground
    if (toolchain instanceof Error) throw toolchain
    const onTrouble = (error: unknown) => this.#onTrouble(error)
    const { functions: compiler, alone } = createCompilers(ground, toolchain, onTrouble)
    this.#compiler = compiler
    const enter = await alone(enterPath).program('')
    this.#slots = await Slots.open(ground, toolchain, { enter, compiler })
  }

  async #fill(ground: Ground, usable: readonly RuntimeName[]): Promise<void> {
    const waiting = new Map(usable.map((runtime) => [runtime, Promise.withResolvers<void>()]))
    const shelves = new Shelves(
      {
        sparesPerRuntime: this.#options.spares,
        start: ({ runtime, memoryClassMb }) =>
          this.#startProcess(ground, runtime, memoryClassMb || LIMITS.memoryMbDefault),
        makeRoom: () => this.#makeRoom(),
        onSpare: (kind) => {
          waiting.get(kind.runtime)?.resolve()
          pool.onSpare(kind)
        },
        onFailure: (kind, error) => {
          const { runtime } = kind
          this.#options.onEvent('start-failed', { runtime, reason: error.message })
          waiting.get(runtime)?.resolve()
          pool.onNoSpare(kind, error)
        },
      },
      usable,
    )
    const pool = new Pool({
      maxProcessesPerFunction: this.#options.maxProcessesPerFunction,
      shelves,
      onKill: (why, { functionId, version }) =>
        this.#options.onEvent('process-ended', { why, functionId, version }),
    })
    const checker = (runtime: InterpretedName) =>
      new Checker(runtime, () => this.#startProcess(ground, runtime, LIMITS.memoryMbDefault))
    const checkers = { python: checker('python'), nodejs: checker('nodejs') }
    this.#running = { ground, shelves, pool, checkers }
    shelves.fill()
    if (this.#options.spares > 0) {
      await Promise.all([...waiting.values()].map(({ promise }) => promise))
    }
  }

  #onTrouble(error: unknown): void {
    this.#options.onEvent('left-behind', { reason: error instanceof Error ? error.message : '' })
  }

  #startProcess(ground: Ground, runtime: RuntimeName, memoryMb: number): SandboxProcess {
    const process = startProcess(ground, {
      runtime,
      memoryMb,
      slot: runtime === 'rust' ? this.#slots?.make() : undefined,
      baseDataBytes: this.#baseDataBytes[runtime],
      onTrouble: (error) => this.#onTrouble(error),
    })
    this.#started += 1
    this.#processes.add(process)
    process.closed
      .then((death) => {
        if (death.cause !== undefined) this.#killed += 1
        return process.removed
      })
      .catch(() => {})
      .finally(() => this.#processes.delete(process))
      .catch(() => {})
    return process
  }

  #makeRoom(): boolean {
    let alive = 0
    for (const process of this.#processes) {
      if (process.alive && !this.#pinned.has(process)) alive += 1
    }
    return alive < this.#options.maxProcesses || this.#running?.pool.evict() === true
  }

  async #close(): Promise<void> {
    await this.#starting
    await this.#compiler?.close()
    this.#running?.pool.close()
    this.#running?.shelves.close()
    for (const runtime of interpretedNames) this.#running?.checkers[runtime].close()
    const processes = [...this.#processes]
    for (const process of processes) process.kill('closing')
    await Promise.all(processes.map((process) => process.removed.catch(() => {})))
    await this.#slots?.close()
    await this.#ground?.cgroups?.remove()
  }
}

const closedError = () => new SandboxError('SANDBOX_CLOSED', 'The sandbox was closed.')

function probeRun(runtime: RuntimeName): Run {
  const program: Program = {
    owner: '',
    functionId: 0,
    version: 0,
    runtime,
    code: probes[runtime],
    env: {},
    memoryMb: LIMITS.memoryMbDefault,
  }
  const context = {
    job_id: 0,
    function_id: 0,
    function_name: 'probe',
    function_version: 0,
    attempt: 1,
    deadline: new Date().toISOString(),
    traceparent: '',
  }
  return { program, context, event: 'null', timeoutMs: PROBE_TIMEOUT_MS }
}
