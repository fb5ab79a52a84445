/**
 * A server of an earlier launcher that has not quite gone yet.
 *
 * Two servers on one data directory destroy it, and a recycled process id in a stale lock file
 * keeps a healthy one from starting. The working directory of the process tells them apart.
 */
import { readFile, readlink, realpath, rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const PATIENCE_MS = 5_000
const POLL_MS = 10

/** Returns when no process with `directory` as its own is named by `pidFile`; removes a stale one. */
export async function outliveLeftBehind(pidFile: string, directory: string): Promise<void> {
  const pid = await pidIn(pidFile)
  if (pid === undefined) return
  const deadline = Date.now() + PATIENCE_MS
  while (await livesIn(pid, directory)) {
    if (Date.now() > deadline) process.kill(pid, 'SIGKILL')
    await delay(POLL_MS)
  }
  await rm(pidFile, { force: true })
}

async function pidIn(pidFile: string): Promise<number | undefined> {
  try {
    const pid = Number.parseInt(await readFile(pidFile, 'utf8'), 10)
    return pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}

async function livesIn(pid: number, directory: string): Promise<boolean> {
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(directory))
  } catch {
    return false
  }
}
