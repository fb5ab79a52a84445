/**
 * A compiler, its linker and all that they need, unpacked from a distribution's packages into one
 * folder. They look for each other in fixed places: a compile sees the folder's `usr` as its /usr,
 * and nothing of the machine's own.
 *
 * Invariant: it is never run outside, where it would meet the machine's libraries.
 */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { asUser, type Bind, type SandboxUser } from './interpreters.ts'
import { placeWhole, reachableFolder } from './placed.ts'
import { compilerOf, type Toolchain, type ToolchainOptions } from './compiler.ts'

const execute = promisify(execFile)

const SYSROOT = '/usr'
const ROOT_FOLDERS = ['usr', 'bin', 'lib', 'lib64'] as const

export async function findUnpacked(root: string, options: ToolchainOptions): Promise<Toolchain> {
  const { bwrapPath, user } = options
  const folder = await reachableFolder(options)
  const about = async (binds: readonly Bind[], as: SandboxUser | undefined) =>
    compilerOf(await ask(bwrapPath, binds, as))
  const there = await bindsOf(root)
  let version: string
  try {
    version = (await about(there, undefined)).version
  } catch (cause) {
    throw new Error(
      `the rustc unpacked in ${root} does not start: remove it to have it brought anew`,
      {
        cause,
      },
    )
  }
  const isOpen = await about(there, user).then(
    () => true,
    () => false,
  )
  const binds = isOpen
    ? there
    : await bindsOf(await placed(root, path.join(folder, `tree-${version}`)))
  return { version, folder, binds, sysroot: SYSROOT, linker: `${SYSROOT}/bin/gcc` }
}

/** A distribution may keep files in `usr` only, and leave it to others to link the root's to it. */
async function bindsOf(root: string): Promise<Bind[]> {
  const binds: Bind[] = []
  for (const name of ROOT_FOLDERS) {
    for (const source of [path.join(root, name), path.join(root, 'usr', name)]) {
      if ((await stat(source).catch(() => undefined)) === undefined) continue
      binds.push([source, `/${name}`])
      break
    }
  }
  return binds
}

async function ask(bwrapPath: string, binds: readonly Bind[], user: SandboxUser | undefined) {
  const { stdout } = await execute(
    bwrapPath,
    [
      ...['--unshare-all', '--die-with-parent', '--cap-drop', 'ALL', '--clearenv'],
      ...binds.flatMap(([source, target]) => ['--ro-bind', source, target]),
      ...['--', `${SYSROOT}/bin/rustc`, '-vV'],
    ],
    asUser(user),
  )
  return stdout
}

async function placed(root: string, target: string): Promise<string> {
  const copy = (how: string, draft: string) => execute('/bin/cp', [how, `${root}/.`, draft])
  await placeWhole(target, async (draft) => {
    // Links need no room, but do not reach another volume.
    await copy('-al', draft).catch(() => copy('-a', draft))
  })
  return target
}
