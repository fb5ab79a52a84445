/**
 * Programs that unprivileged users must be able to run when we are root: the database server, the
 * sandbox. In a checkout under a closed home (root's own, mode 0700) they cannot reach them; then
 * root keeps a copy, which only root can write, in the machine's cache.
 */
import { chmod, cp, mkdir, mkdtemp, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { complete } from './program.ts'
import { exists } from './provision/cache.ts'

const SHARED_CACHE = '/var/cache/sluice'
const OTHERS_MAY_WALK = 0o001
const OTHERS_MAY_RUN = 0o005

/** Whether any user may walk to the file and run it. */
export async function isOpenToOthers(executable: string): Promise<boolean> {
  const path = await realpath(executable)
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    if (((await stat(folder)).mode & OTHERS_MAY_WALK) === 0) return false
  }
  return ((await stat(path)).mode & OTHERS_MAY_RUN) === OTHERS_MAY_RUN
}

/** A copy of the file or directory; `name` says which version of what it is. */
export async function sharedCopy(source: string, name: string): Promise<string> {
  const copy = join(SHARED_CACHE, name)
  if (await exists(copy)) return copy
  await mkdir(SHARED_CACHE, { recursive: true, mode: 0o755 })
  const work = await mkdtemp(join(SHARED_CACHE, 'draft-'))
  const draft = join(work, name)
  try {
    await cp(source, draft, {
      recursive: true,
      verbatimSymlinks: true,
      // What is only for linking against.
      filter: (path) => !path.endsWith('.a'),
    })
    await chmod(work, 0o755)
    await complete('chmod', {
      file: '/bin/chmod',
      args: ['-R', 'a+rX', draft],
      env: {},
      deathSignal: 'KILL',
    })
    await rename(draft, copy)
  } catch (error) {
    // Another launcher may have been faster: its copy is as good as ours.
    if (!(await exists(copy))) throw error
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return copy
}
