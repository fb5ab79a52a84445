/** The rungs that ladders share: the machine's own program, our cache, packages of a suite. */
import { join } from 'node:path'
import { downloadPackages, type PackageDownload } from './apt-download.ts'
import { aptSources, type Stanza } from './apt-sources.ts'
import { cached } from './cache.ts'
import type { Env, Rung } from './ladder.ts'
import { atLeast, executablesOnPath, isExecutable, versionOf, type Version } from './on-path.ts'

type IsUsable = (path: string) => Promise<boolean>

export const onPath = (command: string, env: Env, isUsable: IsUsable): Rung => ({
  name: 'PATH',
  climb: async () => firstOf(await executablesOnPath(command, env), isUsable),
})

export const inCache = (...paths: readonly string[]): Rung => ({
  name: 'cache',
  climb: () => firstOf(paths, isExecutable),
})

/** `program` is its path in what is unpacked. */
export const ofThisSuite = (cacheName: string, wanted: Wanted, program: string): Rung => ({
  name: 'package of this machine’s suite',
  downloads: true,
  async climb() {
    const unpacked = await packaged(cacheName, wanted, await aptSources())
    return unpacked && join(unpacked, program)
  },
})

type Wanted = Omit<PackageDownload, 'sources' | 'directory'>

/** The folder of the unpacked packages; undefined where there is no apt to bring them. */
export async function packaged(
  cacheName: string,
  wanted: Wanted,
  sources: readonly Stanza[],
): Promise<string | undefined> {
  if (sources.length === 0) return undefined
  return cached(cacheName, (directory) => downloadPackages({ ...wanted, sources, directory }))
}

export const runs: IsUsable = async (path) => (await versionOf(path, '--version')) !== undefined

export const isFrom =
  (oldest: Version): IsUsable =>
  async (path) =>
    atLeast(await versionOf(path, '--version'), oldest)

export async function firstOf(
  paths: readonly string[],
  isUsable: IsUsable,
): Promise<string | undefined> {
  for (const path of paths) if (await isUsable(path)) return path
  return undefined
}
