/** What a sandbox can be told, resolved once into a total value. */
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { accessSync, constants } from 'node:fs'

export interface SandboxOptions {
  /** Bubblewrap; default: the first `bwrap` on PATH. */
  readonly bwrapPath?: string
  readonly nodePath?: string
  readonly pythonPath?: string
  /** rustc, rustup's stand-in for it, or the folder of an unpacked one; default: the first `rustc` on PATH. */
  readonly rustcPath?: string
  /** `user` forces the level that an ordinary user gets: no cgroups and no /tmp. */
  readonly level?: 'auto' | 'user'
  /** Spares kept per runtime. */
  readonly spares?: number
  /** Processes that one function may have at a time; further runs of it wait. */
  readonly maxProcessesPerFunction?: number
  /** Processes altogether, spares included; beyond it the least recently used idle one goes. */
  readonly maxProcesses?: number
  /** For filters, for compiled programs, and for what the sandbox's uid could not reach. */
  readonly cacheDir: string
  readonly onEvent?: (what: string, fields: Record<string, unknown>) => void
}

export interface ResolvedOptions {
  /** Undefined: there is none. */
  readonly bwrapPath: string | undefined
  readonly nodePath: string | undefined
  readonly pythonPath: string | undefined
  /** Undefined: there is none. */
  readonly rustcPath: string | undefined
  readonly level: 'auto' | 'user'
  readonly spares: number
  readonly maxProcessesPerFunction: number
  readonly maxProcesses: number
  readonly cacheDir: string
  readonly onEvent: (what: string, fields: Record<string, unknown>) => void
}

const SPARES = 3
const PROCESSES_PER_CORE = 32

export function resolveOptions(options: SandboxOptions): ResolvedOptions {
  const cores = availableParallelism()
  const perFunction = options.maxProcessesPerFunction ?? 2 * cores
  const spares = options.spares ?? SPARES
  return Object.freeze({
    bwrapPath: options.bwrapPath ?? onPath('bwrap'),
    nodePath: options.nodePath,
    pythonPath: options.pythonPath,
    rustcPath: options.rustcPath ?? onPath('rustc'),
    level: options.level ?? 'auto',
    spares,
    maxProcessesPerFunction: perFunction,
    maxProcesses: options.maxProcesses ?? Math.max(PROCESSES_PER_CORE * cores, perFunction + 8),
    cacheDir: path.resolve(options.cacheDir),
    onEvent: options.onEvent ?? (() => undefined),
  })
}

function onPath(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const file = path.join(folder, name)
    if (folder === '') continue
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}
