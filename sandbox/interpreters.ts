/**
 * Which interpreter a runtime uses, and the files that it needs inside the sandbox.
 *
 * Invariants:
 * 1. An interpreter counts only if it starts under the sandbox's own uid: a version manager's shim
 *    or a binary under a closed home does not.
 * 2. The list of binds is the whole of what the sandbox sees: the interpreter, its libraries, its
 *    standard library. No /etc, no /usr, no other program.
 */
import { execFile, type ExecFileOptions } from 'node:child_process'
import { copyFile, link, mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export interface SandboxUser {
  readonly uid: number
  readonly gid: number
}

/** [outside, inside], read-only. */
export type Bind = readonly [source: string, target: string]

export interface Interpreter {
  /** Where it is inside the sandbox. */
  readonly command: string
  readonly binds: readonly Bind[]
  readonly version: string
}

export interface InterpreterOptions {
  readonly nodePath?: string | undefined
  readonly pythonPath?: string | undefined
  readonly cacheDir: string
  /** Undefined: the sandbox runs under our own uid. */
  readonly user: SandboxUser | undefined
}

const START_TIMEOUT_MS = 10_000
/** Where root keeps what the sandbox's uid has to reach, if our own cache is closed to it. */
export const SHARED_CACHE = '/var/cache/sluice'
const OLDEST_NODE = 22

export function asUser(user: SandboxUser | undefined): ExecFileOptions & { encoding: 'utf8' } {
  return {
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    cwd: '/',
    env: {},
    timeout: START_TIMEOUT_MS,
    encoding: 'utf8',
  }
}

export async function findPython(options: InterpreterOptions): Promise<Interpreter> {
  const given = options.pythonPath ?? '/usr/bin/python3'
  const script =
    'import sys, sysconfig; p = sysconfig.get_paths(); ' +
    'print(p["stdlib"], p["platstdlib"], sys.version.split()[0], sep="\\n")'
  let answer: string
  try {
    answer = (await execute(given, ['-I', '-S', '-c', script], asUser(options.user))).stdout
  } catch (error) {
    throw new Error(
      `${given} does not start for the sandbox's user: install python3 (apt-get install python3)`,
      { cause: error },
    )
  }
  const [stdlib, platform, version] = answer.trim().split('\n') as [string, string, string]
  const command = await realpath(given)
  const extensions = path.join(platform, 'lib-dynload')
  const modules = await readdir(extensions).catch(() => [])
  const libraries = await sharedLibraries([
    command,
    ...modules.filter((name) => name.endsWith('.so')).map((name) => path.join(extensions, name)),
  ])
  const folders = [...new Set([stdlib, platform])]
  return {
    command,
    version,
    binds: [[command, command], ...folders.map((each) => [each, each] as const), ...libraries],
  }
}

export async function findNode(options: InterpreterOptions): Promise<Interpreter> {
  const refusals: string[] = []
  for await (const candidate of nodeCandidates(options)) {
    try {
      const { stdout } = await execute(candidate, ['--version'], asUser(options.user))
      const version = stdout.trim().slice(1)
      if (Number.parseInt(version, 10) < OLDEST_NODE) {
        refusals.push(`${candidate} is ${version}`)
        continue
      }
      const command = '/usr/bin/node'
      const binds = [[candidate, command] as const, ...(await sharedLibraries([candidate]))]
      return { command, version, binds }
    } catch {
      refusals.push(`${candidate} does not start for the sandbox's user`)
    }
  }
  throw new Error(`no usable node (${OLDEST_NODE} or newer): ${refusals.join('; ')}`)
}

async function* nodeCandidates(options: InterpreterOptions): AsyncGenerator<string> {
  if (options.nodePath !== undefined) {
    yield options.nodePath
    return
  }
  const own = await realpath(process.execPath)
  yield own
  if (options.user !== undefined) {
    for (const folder of [options.cacheDir, SHARED_CACHE]) {
      const copy = await placeCopy(own, folder).catch(() => undefined)
      if (copy !== undefined) yield copy
    }
  }
  yield '/usr/bin/node'
}

/** A copy (a hard link where that works) which the sandbox's uid can reach. */
async function placeCopy(binary: string, folder: string): Promise<string> {
  const { size, mtimeMs } = await stat(binary)
  const target = path.join(folder, `node-${process.version}-${size}-${Math.trunc(mtimeMs)}`)
  const present = await stat(target).catch(() => undefined)
  if (present?.size === size) return target
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const temporary = `${target}.${process.pid}`
  await link(binary, temporary).catch(() => copyFile(binary, temporary))
  await rename(temporary, target).finally(() => rm(temporary, { force: true }))
  return target
}

/** Every shared library that the files need, with the loader, under the names they ask for. */
export async function sharedLibraries(files: readonly string[]): Promise<Bind[]> {
  const { stdout } = await execute('ldd', [...files], {
    env: {},
    timeout: START_TIMEOUT_MS,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: unknown) => {
    // ldd fails if one file of many is static; what it printed for the others still holds.
    const { stdout: printed } = error as { stdout?: string }
    if (printed === undefined || printed === '') throw error
    return { stdout: printed }
  })
  const found = new Set<string>()
  for (const line of stdout.split('\n')) {
    const library = /(?:=>\s+)?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line)?.[1]
    if (library !== undefined) found.add(library)
  }
  return Promise.all([...found].sort().map(async (name) => [await realpath(name), name] as const))
}
