/** Programs that the machine has already, and what version they say they are. */
import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import type { Env } from './ladder.ts'

const run = promisify(execFile)
const VERSION_TIMEOUT_MS = 5_000
/** Where distributions put servers that are not on an ordinary user's PATH. */
const ALSO = ['/usr/local/sbin', '/usr/sbin', '/usr/bin']

/** Every executable of that name, in the order in which a shell would find them. */
export async function executablesOnPath(name: string, env: Env): Promise<string[]> {
  const folders = new Set([...(env['PATH'] ?? '').split(delimiter).filter(Boolean), ...ALSO])
  const found: string[] = []
  for (const folder of folders) {
    const path = join(folder, name)
    if (await isExecutable(path)) found.push(path)
  }
  return found
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

/** Undefined when it does not run here: another machine's, or a library is missing. */
export async function versionOf(path: string, flag: string): Promise<Version | undefined> {
  try {
    const { stdout, stderr } = await run(path, [flag], { timeout: VERSION_TIMEOUT_MS })
    return parseVersion(`${stdout}${stderr}`)
  } catch {
    return undefined
  }
}

export type Version = readonly [major: number, minor: number]

export function parseVersion(text: string): Version | undefined {
  const match = /(\d+)\.(\d+)/.exec(text)
  return match ? [Number(match[1]), Number(match[2])] : undefined
}

export function atLeast(version: Version | undefined, [major, minor]: Version): boolean {
  if (version === undefined) return false
  return version[0] > major || (version[0] === major && version[1] >= minor)
}
