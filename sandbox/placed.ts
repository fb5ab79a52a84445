/**
 * Where a compiler is kept that the sandbox's user could not reach where it is.
 *
 * Invariant: what is placed is whole or absent: made beside its place, then renamed into it.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { asUser, SHARED_CACHE, type SandboxUser } from './interpreters.ts'

const execute = promisify(execFile)

interface ReachOptions {
  readonly cacheDir: string
  readonly user: SandboxUser | undefined
}

/** A folder of ours that the sandbox's user can walk through, and whose names nobody else can list. */
export async function reachableFolder({ cacheDir, user }: ReachOptions): Promise<string> {
  for (const parent of user === undefined ? [cacheDir] : [cacheDir, SHARED_CACHE]) {
    const folder = path.join(parent, 'rust')
    try {
      await mkdir(parent, { recursive: true, mode: 0o755 })
      await mkdir(folder, { recursive: true, mode: 0o711 })
      await execute('/bin/sh', ['-c', 'cd "$0"', folder], asUser(user))
      return folder
    } catch {
      // Closed to that user, or to us.
    }
  }
  throw new Error(`the sandbox's user can reach neither ${cacheDir} nor ${SHARED_CACHE}`)
}

/** At `target`, filled by `fill` unless it is there already, for everybody to read. */
export async function placeWhole(
  target: string,
  fill: (draft: string) => Promise<void>,
): Promise<void> {
  const isThere = async () => (await stat(target).catch(() => undefined)) !== undefined
  if (await isThere()) return
  const draft = await mkdtemp(`${target}.`)
  try {
    await fill(draft)
    await execute('/bin/chmod', ['-R', 'a+rX', draft])
    await rename(draft, target)
  } catch (error) {
    // Another host may have been faster: its tree is as good as ours.
    if (!(await isThere())) throw error
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}
