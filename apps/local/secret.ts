/**
 * Secrets that Sluice makes for itself: random, made once, kept in a file that only its owner reads.
 */
import { randomBytes } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const SECRET_BYTES = 24

export interface KeptSecret {
  readonly secret: string
  /** Made by this call. */
  readonly isNew: boolean
}

export async function keptSecret(home: string, name: string): Promise<string> {
  return (await keepSecret(home, name)).secret
}

export async function keepSecret(home: string, name: string): Promise<KeptSecret> {
  const path = join(home, name)
  const draft = `${path}.${process.pid}`
  try {
    return { secret: await read(path), isNew: false }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await writeFile(draft, `${randomBytes(SECRET_BYTES).toString('hex')}\n`, {
    mode: 0o600,
    flush: true,
  })
  let isNew = true
  try {
    // A link shows the secret whole or not at all, and never replaces one that is already in use.
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    isNew = false
  } finally {
    await rm(draft, { force: true })
  }
  return { secret: await read(path), isNew }
}

const read = async (path: string) => (await readFile(path, 'utf8')).trim()
