/**
 * rustc and a linker, and the files that they need inside the sandbox.
 *
 * Invariants:
 * 1. A compiler counts only if it starts under the sandbox's own uid. One under a closed home is
 *    placed where that uid can reach it: the files that a compile needs, linked where possible.
 * 2. The binds are the whole of what a compile sees: compiler, standard library, linker, C library.
 *
 * Siblings: `unpacked-toolchain.ts` for one that was unpacked from packages, `placed.ts`.
 */
import { execFile } from 'node:child_process'
import { copyFile, link, mkdir, readdir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { asUser, type Bind, sharedLibraries } from './interpreters.ts'
import { placeWhole, reachableFolder } from './placed.ts'
import { compilerOf, type Toolchain, type ToolchainOptions } from './compiler.ts'
import { findUnpacked } from './unpacked-toolchain.ts'

const execute = promisify(execFile)

/** Where the compiler's own files are inside the sandbox. */
const INSIDE = '/rust'
const ABOUT_TIMEOUT_MS = 10_000
const INSTALL_RUST = 'install rust (https://rustup.rs, or apt-get install rustc)'
const INSTALL_LINKER = 'install a linker and the C library (apt-get install gcc libc6-dev)'
/** What a static program is linked with; libm may be a text that names two others. */
const LINKED = /^(r?crt1|crti|crtn)\.o$|^lib(c|m|m-[\d.]+|mvec|pthread|dl|rt|util)\.a$/

export async function findToolchain(options: ToolchainOptions): Promise<Toolchain> {
  const { rustcPath, user } = options
  if (rustcPath === undefined) throw new Error(`there is no rustc: ${INSTALL_RUST}`)
  const given = await stat(rustcPath).catch(() => undefined)
  if (given?.isDirectory()) return findUnpacked(rustcPath, options)
  const { version, target, sysroot } = await about(rustcPath)
  const [linker, folder] = await Promise.all([findLinker(), reachableFolder(options)])
  const files = await compilerFiles(sysroot, target)
  const isOpen = await execute(files.rustc, ['-vV'], asUser(user)).then(
    () => true,
    () => false,
  )
  const own = isOpen ? files.own : await place(files.own, path.join(folder, `rust-${version}`))
  return {
    version,
    folder,
    linker: linker.command,
    sysroot: INSIDE,
    binds: dedupe([...own, ...files.libraries, ...linker.binds, ...(await shell())]),
  }
}

/** Asked under our own uid: a version manager answers for the compiler that it would start. */
async function about(rustcPath: string) {
  const ask = async (...args: string[]) => {
    const { stdout } = await execute(rustcPath, args, { cwd: '/', timeout: ABOUT_TIMEOUT_MS })
    return stdout.trim()
  }
  try {
    const [text, sysroot] = await Promise.all([ask('-vV'), ask('--print', 'sysroot')])
    return { ...compilerOf(text), sysroot: await realpath(sysroot) }
  } catch (cause) {
    throw new Error(`${rustcPath} does not start: ${INSTALL_RUST}`, { cause })
  }
}

/** The compiler's own files by their places inside, and the system's libraries under their names. */
async function compilerFiles(sysroot: string, target: string) {
  const rustc = path.join(sysroot, 'bin/rustc')
  const all = await sharedLibraries([rustc])
  const isOwn = ([, name]: Bind) => path.normalize(name).startsWith(`${sysroot}/`)
  const library = path.join('lib/rustlib', target)
  // The second one holds the linker that newer compilers bring along.
  const trees = [path.join(library, 'lib'), path.join(library, 'bin')]
  const own: Bind[] = [
    [rustc, path.join(INSIDE, 'bin/rustc')],
    ...all
      .filter(isOwn)
      .map(([file, name]): Bind => [file, path.join(INSIDE, 'lib', path.basename(name))]),
  ]
  for (const tree of trees) {
    const there = await stat(path.join(sysroot, tree)).catch(() => undefined)
    if (there !== undefined) own.push([path.join(sysroot, tree), path.join(INSIDE, tree)])
  }
  return { rustc, own, libraries: all.filter((bind) => !isOwn(bind)) }
}

async function findLinker() {
  for (const command of ['/usr/bin/gcc', '/usr/bin/cc']) {
    const ask = async (question: string) => {
      const { stdout } = await execute(command, [question], { env: { PATH: '/usr/bin:/bin' } })
      const answer = stdout.trim()
      return path.isAbsolute(answer) ? path.normalize(answer) : path.join('/usr/bin', answer)
    }
    try {
      const [collect, ld, start, compilerLibrary] = await Promise.all([
        ask('-print-prog-name=collect2'),
        ask('-print-prog-name=ld'),
        ask('-print-file-name=crt1.o'),
        ask('-print-file-name=libgcc.a'),
      ])
      const folder = path.dirname(start)
      const linked = (await readdir(folder)).filter((name) => LINKED.test(name))
      if (!linked.includes('libc.a')) continue
      const programs = [command, collect, ld]
      const binds = [
        ...[...programs, path.dirname(compilerLibrary)],
        ...[path.dirname(collect), ...linked.map((name) => path.join(folder, name))],
      ].map(async (name): Promise<Bind> => [await realpath(name), name])
      return {
        command,
        binds: [...(await Promise.all(binds)), ...(await sharedLibraries(programs))],
      }
    } catch {
      // This one is not there, or lacks a part: the next may not.
    }
  }
  throw new Error(`there is no linker: ${INSTALL_LINKER}`)
}

/** What the compile's few lines are said to. */
async function shell(): Promise<Bind[]> {
  const programs = ['/bin/sh', '/bin/cat']
  const own = programs.map(async (name): Promise<Bind> => [await realpath(name), name])
  return [...(await Promise.all(own)), ...(await sharedLibraries(programs))]
}

async function place(binds: readonly Bind[], target: string): Promise<Bind[]> {
  await placeWhole(target, async (draft) => {
    for (const [source, inside] of binds) {
      await copyTree(source, path.join(draft, path.relative(INSIDE, inside)))
    }
  })
  return binds.map(([, inside]) => [path.join(target, path.relative(INSIDE, inside)), inside])
}

async function copyTree(source: string, target: string): Promise<void> {
  if ((await stat(source)).isDirectory()) {
    await mkdir(target, { recursive: true })
    for (const name of await readdir(source)) {
      await copyTree(path.join(source, name), path.join(target, name))
    }
    return
  }
  await mkdir(path.dirname(target), { recursive: true })
  const file = await realpath(source)
  await link(file, target).catch(() => copyFile(file, target))
}

/** Nothing twice, and nothing that lies in a folder which is bound as a whole. */
function dedupe(binds: readonly Bind[]): Bind[] {
  const byTarget = new Map(binds.map((bind) => [bind[1], bind]))
  const isInside = (target: string) => {
    for (let at = path.dirname(target); at !== '/'; at = path.dirname(at)) {
      if (byTarget.has(at)) return true
    }
    return false
  }
  return [...byTarget.values()].filter(([, target]) => !isInside(target))
}
