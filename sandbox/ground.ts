/**
 * What every process of one sandbox shares: its level, its user, its interpreters, its filter.
 *
 * Invariants:
 * 1. Settled once at start; what cannot be settled is a reason that a person can act on.
 * 2. Started as root, the sandbox runs under a uid that owns nothing; otherwise under our own.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { CgroupRoot } from './cgroup.ts'
import { confine } from './confinement.ts'
import type { RuntimeName, SandboxLevel } from './contract.ts'
import { endOrphans, hostMark } from './host.ts'
import { findNode, findPython, type Interpreter, type SandboxUser } from './interpreters.ts'
import type { ResolvedOptions } from './options.ts'
import { SandboxProcess } from './process.ts'
import { launches } from './runtimes/launch.ts'
import { assembleFilter } from './seccomp.ts'

const SANDBOX_USER: SandboxUser = { uid: 61_000, gid: 61_000 }
const MIB = 1024 * 1024
/** Between V8's own heap limit and the rlimit, so that V8 notices first. */
const DATA_HEADROOM_BYTES = 32 * MIB

export interface Ground {
  readonly level: Exclude<SandboxLevel, 'unavailable'>
  /** Why the level is not `full`. */
  readonly reason: string | undefined
  readonly cgroups: CgroupRoot | undefined
  readonly interpreters: Readonly<Record<RuntimeName, Interpreter | Error>>
  readonly bwrapPath: string
  readonly filterPath: string
  readonly runnerPaths: Readonly<Record<RuntimeName, string>>
  readonly user: SandboxUser | undefined
  readonly mark: string
}

export async function layGround(options: ResolvedOptions): Promise<Ground> {
  const { bwrapPath, cacheDir } = options
  if (bwrapPath === undefined) {
    throw new Error('bubblewrap is not installed: apt-get install bubblewrap')
  }
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) {
    throw new Error(
      `the sandbox knows Linux on x64 and arm64, not ${process.platform} on ${process.arch}`,
    )
  }
  const user = process.getuid?.() === 0 ? SANDBOX_USER : undefined
  const find = { nodePath: options.nodePath, pythonPath: options.pythonPath, cacheDir, user }
  const [filterPath, pythonRunner, nodejsRunner, python, nodejs, cgroups, mark] = await Promise.all(
    [
      writeCached(cacheDir, `seccomp-${process.arch}.bpf`, assembleFilter(process.arch)),
      writeRunner(cacheDir, 'python'),
      writeRunner(cacheDir, 'nodejs'),
      findPython(find).catch(asError),
      findNode(find).catch(asError),
      options.level === 'user' ? 'it was asked for' : CgroupRoot.open(),
      hostMark(),
      endOrphans(),
    ],
  )
  const isFull = typeof cgroups !== 'string'
  return {
    level: isFull ? 'full' : 'user',
    reason: isFull ? undefined : cgroups,
    cgroups: isFull ? cgroups : undefined,
    interpreters: { python, nodejs },
    runnerPaths: { python: pythonRunner, nodejs: nodejsRunner },
    bwrapPath,
    filterPath,
    user,
    mark,
  }
}

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)))

async function writeRunner(cacheDir: string, runtime: RuntimeName): Promise<string> {
  const parts = await Promise.all(launches[runtime].runnerParts.map((part) => readFile(part)))
  return writeCached(cacheDir, `runner-${runtime}`, Buffer.concat(parts))
}

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
  readonly runnerPath?: string
  readonly onTrouble: (error: unknown) => void
}

/** Starts one confined process; with `memoryMb` as the size of what it can be told later. */
export function startProcess(ground: Ground, options: StartOptions): SandboxProcess {
  const interpreter = ground.interpreters[options.runtime]
  if (interpreter instanceof Error) throw interpreter
  const launch = launches[options.runtime]
  const { cgroups } = ground
  // Python bounds itself when it learns its function's limit; V8 must be bounded from outside.
  const dataBytes =
    options.runtime === 'nodejs' && options.baseDataBytes !== undefined
      ? options.baseDataBytes + options.memoryMb * MIB + DATA_HEADROOM_BYTES
      : undefined
  const { command, args } = confine({
    bwrapPath: ground.bwrapPath,
    interpreter,
    arguments: launch.arguments(options.memoryMb),
    environment: launch.environment,
    mark: ground.mark,
    hasTmp: ground.level === 'full',
    dataBytes,
  })
  return new SandboxProcess({
    command,
    args,
    user: ground.user,
    memoryMb: options.memoryMb,
    runnerPath: options.runnerPath ?? ground.runnerPaths[options.runtime],
    filterPath: ground.filterPath,
    onTrouble: options.onTrouble,
    ...(cgroups === undefined ? {} : { cgroup: () => cgroups.create() }),
  })
}
