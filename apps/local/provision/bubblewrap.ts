/**
 * bubblewrap, which confines user code: PATH, then our cache, then the package of the machine's
 * own distribution and suite.
 */
import { join } from 'node:path'
import { isOpenToOthers, sharedCopy } from '../open-to-others.ts'
import { downloadPackages } from './apt-download.ts'
import { aptSources } from './apt-sources.ts'
import { cacheEntry, cached } from './cache.ts'
import { provision, type ProvisionOptions } from './ladder.ts'
import { executablesOnPath, isExecutable, versionOf } from './on-path.ts'

const CACHE_NAME = 'bubblewrap'

/** A path that the sandbox's own users can run as well. */
export async function provisionBubblewrap(options: ProvisionOptions): Promise<string> {
  const path = await bubblewrap(options)
  if (process.getuid?.() !== 0 || (await isOpenToOthers(path))) return path
  const [major = 0, minor = 0] = (await versionOf(path, '--version')) ?? []
  return sharedCopy(path, `bwrap-${major}.${minor}-${process.arch}`)
}

async function bubblewrap({ env, log }: ProvisionOptions): Promise<string> {
  const given = env['SLUICE_BWRAP']
  if (given !== undefined && given !== '') return given
  const unpacked = join(cacheEntry(CACHE_NAME), 'usr/bin/bwrap')
  const rungs = [
    {
      name: 'PATH',
      async climb() {
        for (const path of await executablesOnPath('bwrap', env)) {
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
        await cached(CACHE_NAME, (directory) =>
          downloadPackages({ packages: ['bubblewrap'], sources, directory, env }),
        )
        return unpacked
      },
    },
  ]
  const advice =
    'Install bubblewrap (apt install bubblewrap, dnf install bubblewrap) or name bwrap in ' +
    'SLUICE_BWRAP: without it no user code is run.'
  return provision({ name: 'bubblewrap', rungs, advice }, log)
}
