/**
 * nats-server 2.12 or newer: older ones silently drop atomic batches, TTLs and schedules.
 *
 * PATH, then our cache, then the pinned official release, then Debian's own package from the suite
 * `forky` (the machine's suite may hold one that is years too old).
 */
import { join } from 'node:path'
import { aptSources, debianSuite } from './apt-sources.ts'
import { cacheEntry, cached } from './cache.ts'
import { provision, type ProvisionOptions, type Rung } from './ladder.ts'
import { downloadRelease, type Release } from './official-release.ts'
import type { Version } from './on-path.ts'
import { inCache, isFrom, onPath, packaged } from './rungs.ts'

const OLDEST: Version = [2, 12]
const DEBIAN_SUITE = 'forky'
const RELEASE_VERSION = '2.15.0'
/** From the release's own SHA256SUMS, as the official container images check them. */
const RELEASE_SHA256: Readonly<Record<string, string>> = {
  amd64: '5d2c51caca950333aba84911df7d377f826f3a59ec36061c6539105084f65c92',
  arm64: 'cdc208f5a3f42963a52b6ab06ef65626bb870315dc936e26ba571780c6351112',
}

const FROM_RELEASE = `nats-server-${RELEASE_VERSION}`
const FROM_DEBIAN = `nats-server-${DEBIAN_SUITE}`
const RELEASED = join(cacheEntry(FROM_RELEASE), 'nats-server')
const PACKAGED = join(cacheEntry(FROM_DEBIAN), 'usr/sbin/nats-server')

export function provisionNatsServer(options: ProvisionOptions): Promise<string> {
  const { env } = options
  const tool = {
    name: 'nats-server',
    setting: 'SLUICE_NATS_SERVER',
    rungs: [
      onPath('nats-server', env, isFrom(OLDEST)),
      inCache(RELEASED, PACKAGED),
      officialRelease(env),
      debianPackage(env),
    ],
    advice:
      `Install nats-server ${OLDEST.join('.')} or newer on the PATH ` +
      '(https://github.com/nats-io/nats-server/releases), name it in SLUICE_NATS_SERVER, ' +
      'or set NATS_URL to use a server that runs already.',
  }
  return provision(tool, options)
}

function officialRelease(env: ProvisionOptions['env']): Rung {
  return {
    name: `official release ${RELEASE_VERSION}`,
    downloads: true,
    async climb() {
      const arch = process.arch === 'x64' ? 'amd64' : process.arch
      const sha256 = RELEASE_SHA256[arch]
      if (process.platform !== 'linux' || sha256 === undefined) return undefined
      const name = `nats-server-v${RELEASE_VERSION}-linux-${arch}`
      const release: Release = {
        url: `https://github.com/nats-io/nats-server/releases/download/v${RELEASE_VERSION}/${name}.tar.gz`,
        sha256,
        member: `${name}/nats-server`,
      }
      await cached(FROM_RELEASE, (directory) => downloadRelease(release, directory, env))
      return RELEASED
    },
  }
}

function debianPackage(env: ProvisionOptions['env']): Rung {
  return {
    name: `Debian ${DEBIAN_SUITE}`,
    downloads: true,
    async climb() {
      const sources = debianSuite(await aptSources(), DEBIAN_SUITE)
      return (await packaged(FROM_DEBIAN, { packages: ['nats-server'], env }, sources)) && PACKAGED
    },
  }
}
