/**
 * Compiles sources in confinement and keeps what came of them.
 *
 * Invariants:
 * 1. A program is named by everything that it was made of: the source, our prelude, the compiler and
 *    its settings. Whatever has that name is the same program, whoever asked for it.
 * 2. Each compile is a process of its own, bounded in time, memory and size: the compiler is an
 *    attack surface too, and what one source does to it meets no other.
 * 3. Two at a time; others wait. The least recently used programs go when they take too much room.
 *
 * Siblings: `compile-process.ts` runs one compile, `diagnostics.ts` reads what the compiler said,
 * `programs.ts` keeps the programs.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { CompileProcess } from './compile-process.ts'
import { confine } from './confinement.ts'
import { type CheckResult, SandboxError } from './contract.ts'
import { readDiagnostics } from './diagnostics.ts'
import type { Ground } from './ground.ts'
import { Lanes } from './lanes.ts'
import { Programs } from './programs.ts'
import { INSIDE, type Toolchain } from './toolchain.ts'

const AT_ONCE = 2
/** Of processor time, so that a busy machine refuses nothing that an idle one takes. */
const CPU_SECONDS = 8
const WALL_MS = 20_000
const MIB = 1024 * 1024
const ADDRESS_BYTES = 3 * 1024 * MIB
const MEMORY_MB = 1024
const TMP_BYTES = 256 * MIB
const OPEN_FILES = 256
/** The shell tells so of a compiler that ran out of processor time. */
const OUT_OF_TIME_EXITS: readonly (number | null)[] = [128 + 24]
const KILLED_EXIT = 128 + 9

const FLAGS = [
  ...['--edition=2021', '--crate-name=function', '--crate-type=bin', '--error-format=json'],
  ...['--cap-lints=allow', '-Copt-level=2', '-Ccodegen-units=1', '-Cdebuginfo=0'],
  ...['-Cpanic=unwind', '-Cstrip=symbols', '-Ctarget-feature=+crt-static'],
]

/** A source that is no program. */
export class CompileRefused extends Error {
  readonly place: { readonly line?: number; readonly column?: number }

  constructor({ message, line, column }: Extract<CheckResult, { ok: false }>) {
    super(message)
    this.place = {
      ...(line === undefined ? {} : { line }),
      ...(column === undefined ? {} : { column }),
    }
  }
}

export class Compiler {
  readonly #ground: Ground
  readonly #toolchain: Toolchain
  readonly #preludePath: string
  readonly #programs: Programs
  readonly #lanes = new Lanes(Array.from({ length: AT_ONCE }, (_, lane) => lane))
  readonly #running = new Map<CompileProcess, Promise<unknown>>()
  readonly #onTrouble: (error: unknown) => void
  #prelude: Promise<string> | undefined
  #closed = false

  constructor(ground: Ground, toolchain: Toolchain, options: CompilerOptions) {
    this.#ground = ground
    this.#toolchain = toolchain
    this.#preludePath = options.preludePath ?? ground.runnerPaths.rust
    this.#onTrouble = options.onTrouble
    this.#programs = new Programs(toolchain.folder)
  }

  /** The same with another text around the source. */
  with(preludePath: string): Compiler {
    const onTrouble = this.#onTrouble
    return new Compiler(this.#ground, this.#toolchain, { preludePath, onTrouble })
  }

  async check(code: string, signal?: AbortSignal): Promise<CheckResult> {
    try {
      await this.program(code, signal)
      return { ok: true }
    } catch (error) {
      if (!(error instanceof CompileRefused)) throw error
      return { ok: false, message: error.message, ...error.place }
    }
  }

  /** The path of the program; rejects with `CompileRefused` if the source is none. */
  async program(code: string, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted()
    const name = await this.#nameOf(code)
    const kept = await this.#programs.find(name)
    if (kept !== undefined) return kept
    const lane = await this.#lanes.take(signal)
    try {
      // Whoever was before us may have wanted the same.
      const made = await this.#programs.find(name)
      return made ?? (await this.#programs.keep(name, await this.#compile(code)))
    } finally {
      this.#lanes.handOn(lane)
    }
  }

  /** Ends what runs, and refuses what waits. */
  async close(): Promise<void> {
    this.#closed = true
    for (const process of this.#running.keys()) process.kill('closed')
    await Promise.allSettled(this.#running.values())
  }

  async #nameOf(code: string): Promise<string> {
    this.#prelude ??= readFile(this.#preludePath, 'utf8')
    const parts = [code, await this.#prelude, this.#toolchain.version, FLAGS.join(' ')]
    const sum = createHash('sha256')
    for (const part of parts) sum.update(`${part.length}:`).update(part)
    return sum.digest('hex')
  }

  async #compile(code: string): Promise<Buffer> {
    if (this.#closed) throw closedError()
    const { user, cgroups, filterPaths } = this.#ground
    const process = new CompileProcess({
      ...this.#command(),
      user,
      source: code,
      timeoutMs: WALL_MS,
      memoryMb: MEMORY_MB,
      runnerPath: this.#preludePath,
      filterPath: filterPaths.compiler,
      onTrouble: this.#onTrouble,
      ...(cgroups === undefined ? {} : { cgroup: () => cgroups.create() }),
    })
    this.#running.set(process, process.ended)
    try {
      return programOf(await process.ended, code)
    } finally {
      this.#running.delete(process)
    }
  }

  #command() {
    const { bwrapPath, mark } = this.#ground
    const { linker, binds } = this.#toolchain
    const compiler = `${INSIDE}/bin/rustc --sysroot ${INSIDE} -Clinker=${linker} ${FLAGS.join(' ')}`
    const script =
      'cat >main.rs && cat <&3 >function.rs && ' +
      // Without /proc its own libraries are not found beside it.
      `LD_LIBRARY_PATH=${INSIDE}/lib ${compiler} -o program main.rs </dev/null && cat program >&3`
    return confine({
      bwrapPath,
      mark,
      binds,
      command: '/bin/sh',
      arguments: ['-c', script],
      environment: { PATH: '/usr/bin:/bin', TMPDIR: '/tmp' },
      tmpBytes: TMP_BYTES,
      limits: { addressBytes: ADDRESS_BYTES, cpuSeconds: CPU_SECONDS, openFiles: OPEN_FILES },
    })
  }
}

export interface CompilerOptions {
  /** Another text around the source than the runner's. */
  readonly preludePath?: string
  readonly onTrouble: (error: unknown) => void
}

function programOf(compiled: Awaited<CompileProcess['ended']>, code: string): Buffer {
  const refuse = (message: string) => new CompileRefused({ ok: false, message })
  switch (compiled.kind) {
    case 'program':
      return compiled.bytes
    case 'closed':
      throw closedError()
    case 'too-large':
      throw refuse('The compiled program is too large.')
    case 'too-slow':
      throw refuse('The source takes too long to compile.')
    case 'out-of-memory':
      throw refuse('The source takes too much memory to compile.')
    case 'refused': {
      const { exitCode, said } = compiled
      if (OUT_OF_TIME_EXITS.includes(exitCode))
        throw refuse('The source takes too long to compile.')
      const found = readDiagnostics(said, code)
      if (found !== undefined) throw new CompileRefused(found)
      if (exitCode === null || exitCode === KILLED_EXIT) {
        throw new SandboxError('SANDBOX_FAILED', 'The compiler was killed from outside.')
      }
      if (!said.includes('{')) {
        // Bubblewrap's words, or the shell's: nothing of it is about the source.
        throw new SandboxError('SANDBOX_FAILED', `The compiler did not start: ${said.trim()}`)
      }
      throw refuse('The source cannot be compiled: it crashes the compiler.')
    }
  }
}

const closedError = () => new SandboxError('SANDBOX_CLOSED', 'The sandbox was closed.')
