/**
 * redis-server, which the platform does without unless REDIS_URL names one, and which its tests
 * bring: PATH, then our cache, then the package of the machine's own distribution and suite.
 */
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { cacheEntry } from './cache.ts'
import { provision, type ProvisionOptions } from './ladder.ts'
import { inCache, ofThisSuite, onPath, runs } from './rungs.ts'

const NAME = 'redis-server'
const PROGRAM = 'usr/bin/redis-server'
const LIBRARIES = 'usr/lib'

export function provisionRedisServer(options: ProvisionOptions): Promise<string> {
  const { env } = options
  const tool = {
    name: NAME,
    setting: 'SLUICE_REDIS_SERVER',
    rungs: [
      onPath(NAME, env, runs),
      inCache(join(cacheEntry(NAME), PROGRAM)),
      ofThisSuite(NAME, { packages: [NAME], dependencies: 'lacking', env }, PROGRAM),
    ],
    advice:
      'Install redis-server (apt install redis-server, dnf install redis) or name it in ' +
      'SLUICE_REDIS_SERVER.',
  }
  return provision(tool, options)
}

/**
 * Where an unpacked one, of whichever checkout's cache, finds the libraries that came with it;
 * undefined: it is the machine's own.
 */
export async function librariesOf(redisServer: string): Promise<string | undefined> {
  const root = join(dirname(redisServer), '../..')
  if (basename(root) !== basename(cacheEntry(NAME))) return undefined
  const folders = await readdir(join(root, LIBRARIES))
  return folders.map((folder) => join(root, LIBRARIES, folder)).join(':')
}
