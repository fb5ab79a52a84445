/**
 * Processes of an earlier server that have not quite gone yet.
 *
 * Two servers on one data directory destroy it; a killed Postgres leaves its backends for a moment,
 * and no new one starts until the last of them is gone; and a recycled process id in a stale lock
 * file keeps a healthy server from starting. The working directory tells them apart.
 */
import { readdir, readlink, realpath, rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const PATIENCE_MS = 5_000
const POLL_MS = 10

/** Returns when no process has `directory` as its own; removes a stale `pidFile`. */
export async function outliveLeftBehind(pidFile: string, directory: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const left = await processesIn(directory)
    if (left.length === 0) break
    if (Date.now() > deadline) for (const pid of left) kill(pid)
    await delay(POLL_MS)
  }
  await rm(pidFile, { force: true })
}

async function processesIn(directory: string): Promise<number[]> {
  const home = await realpath(directory)
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lives = await Promise.all(numbers.map(async (pid) => (await cwdOf(pid)) === home))
  return numbers.filter((_, index) => lives[index]).map(Number)
}

/** Undefined of a process that is gone, or not ours to look at. */
async function cwdOf(pid: string): Promise<string | undefined> {
  try {
    return await readlink(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // Gone by itself in between.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
