/**
 * Compiles sources in confinement and keeps what came of them.
 *
 * Invariants:
 * 1. A program is named by everything that it was made of: the source, our library, the compiler and
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
import { programPath } from './runtimes/launch.ts'
import type { Toolchain } from './compiler.ts'

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
/** Said when all is in place: without it, whatever was said is not about the source. */
const BEGUN = 'begun'
const NO_MEMORY = /out of memory|memory allocation of \d+ bytes failed/

/** Where our library is inside the sandbox. */
const LIBRARY = '/library/libsluice.rlib'
const FLAGS = [
  ...['--edition=2021', '--error-format=json', '--cap-lints=allow', '-Copt-level=2'],
  ...['-Ccodegen-units=1', '-Cdebuginfo=0', '-Cpanic=unwind', '-Ctarget-feature=+crt-static'],
]
const CRATES = {
  library: ['--crate-type=rlib', '--crate-name=sluice'],
  program: ['--crate-type=bin', '--crate-name=function', '-Cstrip=symbols'],
} as const

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
  readonly #rootPath: string
  readonly #flags: readonly string[]
  /** What makes the library that the program is linked with. */
  readonly #library: Compiler | undefined
  readonly #programs: Programs
  readonly #lanes = new Lanes(Array.from({ length: AT_ONCE }, (_, lane) => lane))
  readonly #running = new Map<CompileProcess, Promise<unknown>>()
  readonly #onTrouble: (error: unknown) => void
  #root: Promise<string> | undefined
  #closed = false

  constructor(ground: Ground, toolchain: Toolchain, options: CompilerOptions) {
    this.#ground = ground
    this.#toolchain = toolchain
    const { crate, rootPath, library } = options
    this.#rootPath = rootPath
    this.#library = library
    this.#flags = [...FLAGS, ...CRATES[crate]]
    this.#onTrouble = options.onTrouble
    this.#programs = new Programs(toolchain.folder)
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
    await Promise.allSettled([...this.#running.values(), this.#library?.close()])
  }

  async #nameOf(code: string): Promise<string> {
    this.#root ??= readFile(this.#rootPath, 'utf8')
    const library = this.#library && (await this.#library.#nameOf(''))
    const { version } = this.#toolchain
    const parts = [code, await this.#root, library ?? '', version, this.#flags.join(' ')]
    const sum = createHash('sha256')
    for (const part of parts) sum.update(`${part.length}:`).update(part)
    return sum.digest('hex')
  }

  async #compile(code: string): Promise<Buffer> {
    const library = await this.#library?.program('')
    if (this.#closed) throw closedError()
    const { user, cgroups, filterPaths } = this.#ground
    const process = new CompileProcess({
      ...this.#command(library),
      user,
      source: code,
      timeoutMs: WALL_MS,
      memoryMb: MEMORY_MB,
      runnerPath: this.#rootPath,
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

  #command(library: string | undefined) {
    const { bwrapPath, mark } = this.#ground
    const { linker, binds, sysroot } = this.#toolchain
    const compiler = [
      // Without /proc its own libraries are not found beside it.
      `LD_LIBRARY_PATH=${sysroot}/lib ${sysroot}/bin/rustc --sysroot ${sysroot} -Clinker=${linker}`,
      ...this.#flags,
      ...(library === undefined ? [] : [`--extern sluice=${LIBRARY}`]),
      '-o program main.rs </dev/null',
    ]
    const script = `echo ${BEGUN} >&2 && cat >main.rs && cat <&3 >function.rs && ${compiler.join(' ')} && cat program >&3`
    return confine({
      bwrapPath,
      mark,
      binds: library === undefined ? binds : [...binds, [library, LIBRARY]],
      // Older compilers crash where they cannot ask for their own name.
      links: [[`${sysroot}/bin/rustc`, '/proc/self/exe']],
      command: '/bin/sh',
      arguments: ['-c', script],
      environment: { PATH: '/usr/bin:/bin', TMPDIR: '/tmp' },
      tmpBytes: TMP_BYTES,
      limits: { addressBytes: ADDRESS_BYTES, cpuSeconds: CPU_SECONDS, openFiles: OPEN_FILES },
    })
  }
}

export interface CompilerOptions {
  readonly crate: keyof typeof CRATES
  /** The crate's root, which may include the source as `function.rs`. */
  readonly rootPath: string
  readonly library?: Compiler
  readonly onTrouble: (error: unknown) => void
}

/** For functions, and for programs of our own that stand alone. */
export function createCompilers(
  ground: Ground,
  toolchain: Toolchain,
  onTrouble: CompilerOptions['onTrouble'],
) {
  const compiler = (options: Omit<CompilerOptions, 'onTrouble'>) =>
    new Compiler(ground, toolchain, { ...options, onTrouble })
  const library = compiler({ crate: 'library', rootPath: ground.runnerPaths.rust })
  return {
    functions: compiler({ crate: 'program', rootPath: programPath, library }),
    alone: (rootPath: string) => compiler({ crate: 'program', rootPath }),
  }
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
      if (!said.includes(BEGUN)) {
        throw new SandboxError('SANDBOX_FAILED', `The compiler did not start: ${said.trim()}`)
      }
      if (NO_MEMORY.test(said)) throw refuse('The source takes too much memory to compile.')
      throw refuse('The source cannot be compiled: it crashes the compiler.')
    }
  }
}

const closedError = () => new SandboxError('SANDBOX_CLOSED', 'The sandbox was closed.')
