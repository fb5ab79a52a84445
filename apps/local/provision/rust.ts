/**
 * rustc with a linker, for functions in rust: on the PATH, or where rustup puts it, beside the
 * machine's own gcc; then our cache, then the packages of the machine's own distribution and suite.
 *
 * What is brought is a folder, not a program: the packages with all that they need, down to the C
 * library, which the sandbox shows to a compile as its /usr. Nothing of it is run outside.
 */
import { isAbsolute, join } from 'node:path'
import { complete } from '../program.ts'
import { aptSources } from './apt-sources.ts'
import { cacheEntry, exists } from './cache.ts'
import { provision, type Env, type ProvisionOptions } from './ladder.ts'
import { isExecutable, type Version } from './on-path.ts'
import { firstOf, isFrom, onPath, packaged } from './rungs.ts'

const OLDEST: Version = [1, 63]
const CACHE_NAME = 'rust'
/** The shell and its `cat` are what a compile is told by. */
const PACKAGES = ['rustc', 'gcc', 'libc6-dev', 'dash', 'coreutils']

export function provisionRust(options: ProvisionOptions): Promise<string> {
  const { env } = options
  const isRecent = isFrom(OLDEST)
  const isUsable = async (path: string) =>
    (await isExecutable(path)) && (await isRecent(path)) && (await canLink())
  const unpacked = cacheEntry(CACHE_NAME)
  const tool = {
    name: 'rustc',
    setting: 'SLUICE_RUSTC',
    rungs: [
      onPath('rustc', env, isUsable),
      { name: 'rustup', climb: () => firstOf(rustupHomes(env), isUsable) },
      { name: 'cache', climb: async () => ((await exists(unpacked)) ? unpacked : undefined) },
      { name: 'packages of this machine’s suite', downloads: true, climb: () => bringRust(env) },
    ],
    advice:
      `Install rust ${OLDEST.join('.')} or newer (https://rustup.rs, or apt install rustc gcc), ` +
      'or name a rustc in SLUICE_RUSTC. Functions in other languages run without it.',
  }
  return provision(tool, options)
}

/** The folder of the unpacked packages; undefined where there is no apt to bring them. */
export async function bringRust(env: Env): Promise<string | undefined> {
  return packaged(CACHE_NAME, { packages: PACKAGES, dependencies: 'all', env }, await aptSources())
}

function rustupHomes(env: Env): string[] {
  const { CARGO_HOME: cargo, HOME: home } = env
  const folders = [cargo, home && join(home, '.cargo')].filter((folder) => folder !== undefined)
  return folders.filter(Boolean).map((folder) => join(folder, 'bin/rustc'))
}

/** Whether the machine's gcc, which is what the sandbox takes, has a C library to link with. */
async function canLink(): Promise<boolean> {
  for (const file of ['/usr/bin/gcc', '/usr/bin/cc']) {
    const args = ['-print-file-name=libc.a']
    const env = { PATH: '/usr/bin:/bin' }
    const command = { file, args, env, deathSignal: 'KILL' } as const
    const answer = await complete('gcc', command).catch(() => '')
    if (isAbsolute(answer.trim())) return true
  }
  return false
}
