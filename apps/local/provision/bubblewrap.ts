/**
 * bubblewrap, which confines user code: PATH, then our cache, then the package of the machine's
 * own distribution and suite.
 */
import { join } from 'node:path'
import { isOpenToOthers, sharedCopy } from '../open-to-others.ts'
import { cacheEntry } from './cache.ts'
import { provision, type ProvisionOptions } from './ladder.ts'
import { versionOf } from './on-path.ts'
import { inCache, ofThisSuite, onPath, runs } from './rungs.ts'

const NAME = 'bubblewrap'
const PROGRAM = 'usr/bin/bwrap'

/** A path that the sandbox's own users can run as well. */
export async function provisionBubblewrap(options: ProvisionOptions): Promise<string> {
  const path = await bubblewrap(options)
  if (process.getuid?.() !== 0 || (await isOpenToOthers(path))) return path
  const [major = 0, minor = 0] = (await versionOf(path, '--version')) ?? []
  return sharedCopy(path, `bwrap-${major}.${minor}-${process.arch}`)
}

function bubblewrap(options: ProvisionOptions): Promise<string> {
  const { env } = options
  const tool = {
    name: NAME,
    setting: 'SLUICE_BWRAP',
    rungs: [
      onPath('bwrap', env, runs),
      inCache(join(cacheEntry(NAME), PROGRAM)),
      ofThisSuite(NAME, { packages: [NAME], env }, PROGRAM),
    ],
    advice:
      'Install bubblewrap (apt install bubblewrap, dnf install bubblewrap) or name bwrap in ' +
      'SLUICE_BWRAP: without it no user code is run.',
  }
  return provision(tool, options)
}
