/**
 * rustc for functions in rust: on the PATH, or where rustup puts it.
 *
 * It is not downloaded: a compiler with its linker and C library is a dozen packages that look for
 * each other in fixed places, and nothing else needs them. Where none is found the error says what
 * to install; everything but rust works without it. A compiler under a closed home will do, the
 * sandbox places what it needs of it where it can be reached.
 */
import { join } from 'node:path'
import { provision, type ProvisionOptions } from './ladder.ts'
import { atLeast, executablesOnPath, isExecutable, versionOf, type Version } from './on-path.ts'

const OLDEST: Version = [1, 63]

export async function provisionRust({ env, log }: ProvisionOptions): Promise<string> {
  const given = env['SLUICE_RUSTC']
  if (given !== undefined && given !== '') return given
  const usable = async (path: string) =>
    (await isExecutable(path)) && atLeast(await versionOf(path, '--version'), OLDEST)
  const rungs = [
    { name: 'PATH', climb: async () => first(await executablesOnPath('rustc', env), usable) },
    { name: 'rustup', climb: () => first(rustupHomes(env), usable) },
  ]
  const advice =
    `Install rust ${OLDEST.join('.')} or newer (https://rustup.rs, or apt install rustc gcc), or ` +
    'name a rustc in SLUICE_RUSTC. Functions in other languages run without it.'
  return provision({ name: 'rustc', rungs, advice }, log)
}

function rustupHomes(env: ProvisionOptions['env']): string[] {
  const { CARGO_HOME: cargo, HOME: home } = env
  const folders = [cargo, home && join(home, '.cargo')].filter((folder) => folder !== undefined)
  return folders.filter(Boolean).map((folder) => join(folder, 'bin/rustc'))
}

async function first(
  paths: readonly string[],
  isUsable: (path: string) => Promise<boolean>,
): Promise<string | undefined> {
  for (const path of paths) if (await isUsable(path)) return path
  return undefined
}
