/**
 * What the host itself brings along: its identity, descriptors that it would pass on, and orphans
 * of hosts before it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'

const CLOSE_ON_EXEC = 0o2000000
const MARK = 'SLUICE_HOST'

/** Field 22 of stat, after the command's name (which may hold spaces and parentheses). */
export async function startTime(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '0'
}

/** Is the process that was called `<pid>-<start time>` still there? */
export async function isHostAlive(pid: number, start: string): Promise<boolean> {
  return (await startTime(pid).catch(() => undefined)) === start
}

export const hostMark = async () => `${process.pid}-${await startTime(process.pid)}`

/** Names the host on bubblewrap's command line and nowhere inside the sandbox. */
export const markArguments = (mark: string) => ['--setenv', MARK, mark, '--unsetenv', MARK]

/**
 * Descriptors that whoever started us has left open and inheritable: Node's own are not. A child
 * would get them as well.
 */
export function inheritableDescriptors(): readonly number[] {
  // Once: they were there when we started, and Node adds none.
  inheritable ??= findInheritable()
  return inheritable
}

let inheritable: readonly number[] | undefined

function findInheritable(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((number) => {
      if (number < 3) return false
      try {
        const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${number}`, 'utf8'))
        return flags !== null && (Number.parseInt(flags[1] ?? '0', 8) & CLOSE_ON_EXEC) === 0
      } catch {
        // The one that listed the folder.
        return false
      }
    })
}

/**
 * Ends sandboxes that were being set up when their host was killed. A host's death takes its
 * sandboxes along, except in the millisecond between bubblewrap's fork and the moment at which the
 * child asks for that: such a child waits for ever, without any user code in it.
 */
export async function endOrphans(): Promise<void> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    const host = new RegExp(`\0--setenv\0${MARK}\0(\\d+)-(\\d+)\0`).exec(command)
    if (host === null || (await isHostAlive(Number(host[1]), host[2] ?? ''))) continue
    try {
      process.kill(Number(name), 'SIGKILL')
    } catch {
      // Gone, or somebody else's.
    }
  }
}
