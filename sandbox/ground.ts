/**
 * What every process of one sandbox shares: its level, its user, its interpreters, its filter.
 *
 * Invariants:
 * 1. Settled once at start; what cannot be settled is a reason that a person can act on.
 * 2. Started as root, the sandbox runs under a uid that owns nothing; otherwise under our own.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { CgroupRoot } from './cgroup.ts'
import { confine } from './confinement.ts'
import { type InterpretedName, LIMITS, type RuntimeName, type SandboxLevel } from './contract.ts'
import { endOrphans, hostMark } from './host.ts'
import {
  type Bind,
  findNode,
  findPython,
  type Interpreter,
  type SandboxUser,
} from './interpreters.ts'
import type { ResolvedOptions } from './options.ts'
import { SandboxProcess } from './process.ts'
import { launches } from './runtimes/launch.ts'
import { assembleFilter, type Filtered, filtered } from './seccomp.ts'
import type { Slot } from './slots.ts'
import type { Toolchain } from './compiler.ts'
import { findToolchain } from './toolchain.ts'

const SANDBOX_USER: SandboxUser = { uid: 61_000, gid: 61_000 }
const NOTHING = '/dev/null'
const MIB = 1024 * 1024
/** Between V8's own heap limit and the rlimit, so that V8 notices first. */
const DATA_HEADROOM_BYTES = 32 * MIB

export interface Ground {
  readonly level: Exclude<SandboxLevel, 'unavailable'>
  /** Why the level is not `full`. */
  readonly reason: string | undefined
  readonly cgroups: CgroupRoot | undefined
  readonly interpreters: Readonly<Record<InterpretedName, Interpreter | Error>>
  /** What compiles rust. */
  readonly toolchain: Toolchain | Error
  readonly bwrapPath: string
  readonly filterPaths: Readonly<Record<Filtered, string>>
  readonly runnerPaths: Readonly<Record<RuntimeName, string>>
  readonly user: SandboxUser | undefined
  readonly mark: string
}

export async function layGround(options: ResolvedOptions): Promise<Ground> {
  const { bwrapPath, cacheDir } = options
  if (bwrapPath === undefined) {
    throw new Error('bubblewrap is not installed: apt-get install bubblewrap')
  }
  const { platform, arch } = process
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw new Error(`the sandbox knows Linux on x64 and arm64, not ${platform} on ${arch}`)
  }
  const user = process.getuid?.() === 0 ? SANDBOX_USER : undefined
  const { nodePath, pythonPath, rustcPath } = options
  const find = { bwrapPath, nodePath, pythonPath, rustcPath, cacheDir, user }
  const [filterPaths, runnerPaths, python, nodejs, toolchain, cgroups, mark] = await Promise.all([
    recordOf(keysOf(filtered), (who) =>
      writeCached(cacheDir, `seccomp-${arch}-${who}.bpf`, assembleFilter(arch, who)),
    ),
    recordOf(keysOf(launches), async (runtime) =>
      writeCached(cacheDir, `runner-${runtime}`, Buffer.from(await launches[runtime].runner())),
    ),
    findPython(find).catch(asError),
    findNode(find).catch(asError),
    findToolchain(find).catch(asError),
    options.level === 'user' ? 'it was asked for' : CgroupRoot.open(),
    hostMark(),
    endOrphans(),
  ])
  const isFull = typeof cgroups !== 'string'
  return {
    level: isFull ? 'full' : 'user',
    reason: isFull ? undefined : cgroups,
    cgroups: isFull ? cgroups : undefined,
    interpreters: { python, nodejs },
    toolchain,
    runnerPaths,
    bwrapPath,
    filterPaths,
    user,
    mark,
  }
}

const keysOf = <K extends string>(record: Readonly<Record<K, unknown>>) =>
  Object.keys(record) as K[]

async function recordOf<K extends string>(
  keys: readonly K[],
  make: (key: K) => Promise<string>,
): Promise<Record<K, string>> {
  const entries = keys.map(async (key) => [key, await make(key)] as const)
  return Object.fromEntries(await Promise.all(entries)) as Record<K, string>
}

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)))

/** Replaced in one step: another host may be reading it. */
async function writeCached(cacheDir: string, name: string, bytes: Buffer): Promise<string> {
  await mkdir(cacheDir, { recursive: true })
  const file = path.join(cacheDir, name)
  const temporary = `${file}.${process.pid}-${Math.trunc(performance.now() * 1000)}`
  await writeFile(temporary, bytes)
  await rename(temporary, file)
  return file
}

export interface StartOptions {
  readonly runtime: RuntimeName
  readonly memoryMb: number
  /** What the interpreter maps by itself; undefined while that is being measured. */
  readonly baseDataBytes: number | undefined
  /** Of what is compiled. */
  readonly slot?: Slot | undefined
  readonly runnerPath?: string
  readonly onTrouble: (error: unknown) => void
}

/** Starts one confined process; with `memoryMb` as the size of what it can be told later. */
export function startProcess(ground: Ground, options: StartOptions): SandboxProcess {
  const { runtime, slot, memoryMb } = options
  const { cgroups } = ground
  const { command, binds } = executableOf(ground, runtime, slot)
  const launch = launches[runtime]
  // The others bound themselves when they learn their function's limit; V8 must be bounded from
  // outside.
  const dataBytes =
    runtime === 'nodejs' && options.baseDataBytes !== undefined
      ? options.baseDataBytes + memoryMb * MIB + DATA_HEADROOM_BYTES
      : undefined
  const confined = confine({
    bwrapPath: ground.bwrapPath,
    command,
    binds,
    arguments: launch.arguments(memoryMb),
    environment: launch.environment,
    mark: ground.mark,
    tmpBytes: ground.level === 'full' ? LIMITS.tmpBytes : 0,
    limits: { dataBytes },
  })
  return new SandboxProcess({
    ...confined,
    user: ground.user,
    memoryMb,
    runnerPath: options.runnerPath ?? (launch.isCompiled ? NOTHING : ground.runnerPaths[runtime]),
    filterPath: ground.filterPaths.function,
    onTrouble: options.onTrouble,
    ...(slot === undefined ? {} : { slot }),
    ...(cgroups === undefined ? {} : { cgroup: () => cgroups.create() }),
  })
}

function executableOf(
  { interpreters }: Ground,
  runtime: RuntimeName,
  slot: Slot | undefined,
): { readonly command: string; readonly binds: readonly Bind[] } {
  if (runtime !== 'rust') {
    const interpreter = interpreters[runtime]
    if (interpreter instanceof Error) throw interpreter
    return interpreter
  }
  if (slot === undefined) throw new Error('what is compiled is started in a slot')
  return slot
}
