/** The processes of one test run, known by a mark in the environment that they inherited. */
import { readdir, readFile } from 'node:fs/promises'

export const RUN_MARK = 'SLUICE_TEST_RUN'

export interface LeftProcess {
  readonly pid: number
  readonly command: string
}

export async function processesOfRun(mark: string): Promise<LeftProcess[]> {
  const needle = `${RUN_MARK}=${mark}`
  const found: LeftProcess[] = []
  for (const name of await readdir('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    // Another user's process cannot be read, and is none of ours.
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
    if (!environment.split('\0').includes(needle)) continue
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    found.push({ pid, command: command.split('\0').join(' ').trim() })
  }
  return found
}
