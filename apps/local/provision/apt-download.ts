/**
 * Packages from a distribution's archive, verified by apt, unpacked into a directory of ours.
 *
 * Invariants:
 * 1. Nothing is installed: apt runs with lists, caches and sources of its own, then `dpkg -x`.
 *    Works as an ordinary user.
 * 2. The machine's own apt settings stay in effect: proxies, certificates, credentials.
 * 3. An archive that cannot be reached within the time-out is given up.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { complete } from '../program.ts'
import { formatDeb822, type Stanza } from './apt-sources.ts'
import { workDirectory } from './cache.ts'
import type { Env } from './ladder.ts'

const CONNECT_TIMEOUT_S = 2

export interface PackageDownload {
  readonly packages: readonly string[]
  /** Also what they need: what this machine lacks of it, or all, for a place of its own. */
  readonly dependencies?: 'lacking' | 'all'
  readonly sources: readonly Stanza[]
  /** Where they are unpacked. */
  readonly directory: string
  /** The proxies of the environment count too. */
  readonly env: Env
}

export async function downloadPackages(wanted: PackageDownload): Promise<void> {
  await using work = await workDirectory()
  const options = await privateApt(work.path, wanted)
  const run = (file: string, ...args: readonly string[]) =>
    complete(file, { file, args, cwd: work.path, env: wanted.env, deathSignal: 'KILL' })
  // Not even a warning may pass: by default apt goes on with what it has.
  await run('apt-get', ...options, '-o', 'APT::Update::Error-Mode=any', 'update')
  const [command, folder] = wanted.dependencies
    ? [['install', '--download-only', '--no-install-recommends', '--yes'], archivesIn(work.path)]
    : [['download'], work.path]
  await run('apt-get', ...options, ...command, ...wanted.packages)
  const archives = (await readdir(folder)).filter((name) => name.endsWith('.deb'))
  for (const archive of archives) {
    await run('dpkg', '-x', join(folder, archive), wanted.directory)
  }
}

const archivesIn = (directory: string) => join(directory, 'archives')

async function privateApt(
  directory: string,
  { sources, dependencies }: PackageDownload,
): Promise<string[]> {
  const parts = join(directory, 'sources.list.d')
  const [lists, archives] = [join(directory, 'lists'), archivesIn(directory)]
  for (const folder of [parts, join(lists, 'partial'), join(archives, 'partial')]) {
    await mkdir(folder, { recursive: true })
  }
  await writeFile(join(parts, 'sluice.sources'), formatDeb822(sources))
  const nothingInstalled = join(directory, 'status')
  await writeFile(nothingInstalled, '')
  const settings = {
    'Dir::Etc::SourceList': '/dev/null',
    'Dir::Etc::SourceParts': parts,
    'Dir::State::Lists': lists,
    ...(dependencies === 'all' && { 'Dir::State::Status': nothingInstalled }),
    'Dir::Cache': directory,
    'Dir::Cache::Archives': archives,
    // Its own user could not write below a home that is closed to it.
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '0',
    'Acquire::http::Timeout': CONNECT_TIMEOUT_S,
    'Acquire::https::Timeout': CONNECT_TIMEOUT_S,
    // Nothing is installed, so nothing has to be held; its locks are root's.
    'Debug::NoLocking': 'true',
    // Hooks of the machine concern what is installed on it.
    'APT::Update::Post-Invoke-Success': '',
    quiet: 2,
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}
