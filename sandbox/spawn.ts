/**
 * Starts the child behind a sandboxed process and hands out its channels.
 *
 * Invariants:
 * 1. The child inherits six descriptors and an empty environment, nothing else of the host: what
 *    our own parent left inheritable is covered by /dev/null.
 * 2. The filter is opened anew for each child: bubblewrap reads from the shared position.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setPriority } from 'node:os'
import type { Cgroup } from './cgroup.ts'
import { fd } from './confinement.ts'
import { inheritableDescriptors } from './host.ts'
import type { SandboxUser } from './interpreters.ts'
import type { Slot } from './slots.ts'

/** User code yields to the platform: a busy function must not slow down who reads its answers. */
const NICENESS = 5

export interface SpawnOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly runnerPath: string
  readonly filterPath: string
  readonly user: SandboxUser | undefined
  readonly memoryMb: number
  readonly cgroup?: (() => Promise<Cgroup>) | undefined
  /** Where its program is put before its first call; it goes when the process is gone. */
  readonly slot?: Pick<Slot, 'fill' | 'remove'>
  /** Told of what went wrong after the process itself was gone. */
  readonly onTrouble?: (error: unknown) => void
}

export interface Spawned {
  readonly child: ChildProcess
  readonly control: Socket
  readonly stdout: Socket
  readonly stderr: Socket
  /** The interpreter's pid as the host sees it; never settles if bubblewrap fails before that. */
  readonly childPid: Promise<number>
}

export function spawnConfined(options: SpawnOptions): Spawned {
  const runner = openSync(options.runnerPath, 'r')
  const filter = openSync(options.filterPath, 'r')
  const nothing = openSync('/dev/null', 'r')
  const stdio: (number | 'pipe' | 'ignore')[] = [runner, 'pipe', 'pipe', 'pipe', filter, 'pipe']
  for (const number of inheritableDescriptors()) {
    while (stdio.length <= number) stdio.push('ignore')
    if (number > fd.info) stdio[number] = nothing
  }
  try {
    const child = spawn(options.command, [...options.args], {
      cwd: '/',
      env: {},
      ...options.user,
      stdio,
    })
    // Before bubblewrap has forked, so that everything in the sandbox inherits it.
    if (child.pid !== undefined) setPriority(child.pid, NICENESS)
    // Node's pipes are sockets, which its types do not tell.
    const channels = child.stdio as unknown as Socket[]
    const [, stdout, stderr, control] = channels
    const info = channels[fd.info] as Socket
    return {
      child,
      control: control as Socket,
      stdout: stdout as Socket,
      stderr: stderr as Socket,
      childPid: readChildPid(info),
    }
  } finally {
    closeSync(runner)
    closeSync(filter)
    closeSync(nothing)
  }
}

/** Bubblewrap writes `{"child-pid": n, …}` before it lets the child go on. */
function readChildPid(info: Socket): Promise<number> {
  return new Promise((resolve) => {
    let text = ''
    info.setEncoding('utf8')
    info.on('error', () => {})
    info.on('data', (part: string) => {
      text += part
      const pid = /"child-pid":\s*(\d+)\s*[,}\n]/.exec(text)?.[1]
      if (pid !== undefined) resolve(Number(pid))
    })
  })
}
