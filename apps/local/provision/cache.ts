/**
 * Where downloaded programs are kept, so that the next start finds them at once.
 *
 * Invariants:
 * 1. An entry is whole or absent: it is made beside the cache and then renamed into it.
 * 2. Two processes may make the same entry at once; the second finds the first's and uses it.
 */
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Beside `node_modules`, which is where whatever belongs to this checkout alone is kept. */
const CACHE = fileURLToPath(new URL('../../../.cache/', import.meta.url))

const DRAFT = 'draft-'
const ABANDONED_AFTER_MS = 60 * 60 * 1_000

export function cacheEntry(name: string): string {
  return join(CACHE, `${name}-${process.arch}`)
}

/** The entry's directory, filled by `fill` unless it is there already. */
export async function cached(
  name: string,
  fill: (directory: string) => Promise<void>,
): Promise<string> {
  const entry = cacheEntry(name)
  if (await exists(entry)) return entry
  await using draft = await workDirectory()
  await fill(draft.path)
  // Sandboxes run under users of their own.
  await chmod(draft.path, 0o755)
  try {
    await rename(draft.path, entry)
  } catch (error) {
    if (!(await exists(entry))) throw error
  }
  return entry
}

/** A directory on the cache's own volume, removed with its scope unless it was renamed away. */
export async function workDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  await mkdir(CACHE, { recursive: true })
  await removeAbandoned()
  const path = await mkdtemp(join(CACHE, DRAFT))
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** Whoever was killed in the middle could not clean up. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(CACHE)) {
    if (!name.startsWith(DRAFT)) continue
    const path = join(CACHE, name)
    const found = await stat(path).catch(() => undefined)
    // Not what it says of its content: an archive sets that to its own age.
    const age = Date.now() - (found?.ctimeMs ?? Infinity)
    if (age > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true })
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
