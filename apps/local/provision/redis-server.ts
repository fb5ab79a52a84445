/**
 * redis-server, which the platform does without unless REDIS_URL names one, and which its tests
 * bring: PATH, then our cache, then the package of the machine's own distribution and suite.
 */
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { downloadPackages } from './apt-download.ts'
import { aptSources } from './apt-sources.ts'
import { cacheEntry, cached } from './cache.ts'
import { provision, type ProvisionOptions } from './ladder.ts'
import { executablesOnPath, isExecutable, versionOf } from './on-path.ts'

const CACHE_NAME = 'redis-server'
const LIBRARIES = 'usr/lib'

export async function provisionRedisServer({ env, log }: ProvisionOptions): Promise<string> {
  const given = env['SLUICE_REDIS_SERVER']
  if (given !== undefined && given !== '') return given
  const unpacked = join(cacheEntry(CACHE_NAME), 'usr/bin/redis-server')
  const rungs = [
    {
      name: 'PATH',
      async climb() {
        for (const path of await executablesOnPath('redis-server', env)) {
          if (await versionOf(path, '--version')) return path
        }
        return undefined
      },
    },
    {
      name: 'cache',
      climb: async () => ((await isExecutable(unpacked)) ? unpacked : undefined),
    },
    {
      name: 'package of this machine’s suite',
      downloads: true,
      async climb() {
        const sources = await aptSources()
        if (sources.length === 0) return undefined
        const packages = ['redis-server']
        await cached(CACHE_NAME, (directory) =>
          downloadPackages({ packages, dependencies: 'lacking', sources, directory, env }),
        )
        return unpacked
      },
    },
  ]
  const advice =
    'Install redis-server (apt install redis-server, dnf install redis) or name it in ' +
    'SLUICE_REDIS_SERVER.'
  return provision({ name: 'redis-server', rungs, advice }, log)
}

/**
 * Where an unpacked one, of whichever checkout's cache, finds the libraries that came with it;
 * undefined: it is the machine's own.
 */
export async function librariesOf(redisServer: string): Promise<string | undefined> {
  const root = join(dirname(redisServer), '../..')
  if (basename(root) !== basename(cacheEntry(CACHE_NAME))) return undefined
  const folders = await readdir(join(root, LIBRARIES))
  return folders.map((folder) => join(root, LIBRARIES, folder)).join(':')
}
