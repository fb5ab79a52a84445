/**
 * The command line that builds a sandbox: rlimits, then bubblewrap, then the interpreter.
 *
 * Invariants:
 * 1. Nothing is mounted that is not listed: no /proc (it shows bubblewrap's own arguments), no
 *    /dev (a writable RAM disk), no /etc. The root is read-only once everything is in place.
 * 2. /tmp exists only where a memory cgroup bounds it, because nothing else bounds its inodes.
 * 3. The interpreter is process 1 of its namespace: one pid to freeze and to kill, and signals
 *    that it sends to itself or to everybody reach nobody.
 */
import type { Interpreter } from './interpreters.ts'
import { LIMITS } from './contract.ts'
import { markArguments } from './host.ts'

/** Where the launcher finds each descriptor; `process.ts` passes them in this order. */
export const fd = { control: 3, filter: 4, info: 5 } as const

const OPEN_FILES = 64
const FILE_BYTES = 64 * 1024 * 1024
/** The usual size, made a hard limit: a stack is not counted as data. */
const STACK_BYTES = 8 * 1024 * 1024

export interface Confinement {
  readonly bwrapPath: string
  readonly interpreter: Interpreter
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly hasTmp: boolean
  /** Names the host that it belongs to. */
  readonly mark: string
  /** RLIMIT_DATA from the start, where the interpreter cannot set it by itself. */
  readonly dataBytes?: number | undefined
}

/** A shell sets the limits and is replaced by bubblewrap: it has `ulimit` wherever there is a sh. */
function limitsScript(dataBytes: number | undefined): string {
  const limits = ['ulimit -c 0', `ulimit -n ${OPEN_FILES}`, `ulimit -f ${FILE_BYTES / 512}`]
  limits.push(`ulimit -s ${STACK_BYTES / 1024}`)
  if (dataBytes !== undefined) limits.push(`ulimit -d ${Math.floor(dataBytes / 1024)}`)
  return `${limits.join(' && ')} && exec "$0" "$@"`
}

export function confine(confinement: Confinement): { command: string; args: string[] } {
  const { bwrapPath, interpreter, hasTmp, dataBytes } = confinement
  const bwrap = [
    ...['--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts'],
    ...['--unshare-cgroup-try', '--disable-userns', '--as-pid-1'],
    ...['--uid', '65534', '--gid', '65534', '--hostname', 'fn'],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--clearenv'],
    ...Object.entries(confinement.environment).flatMap((entry) => ['--setenv', ...entry]),
    ...markArguments(confinement.mark),
    ...interpreter.binds.flatMap(([source, target]) => ['--ro-bind', source, target]),
    ...['--dev-bind', '/dev/null', '/dev/null', '--dev-bind', '/dev/urandom', '/dev/urandom'],
    ...(hasTmp
      ? ['--perms', '0700', '--size', String(LIMITS.tmpBytes), '--tmpfs', '/tmp', '--chdir', '/tmp']
      : ['--chdir', '/']),
    ...['--remount-ro', '/'],
    ...['--seccomp', String(fd.filter), '--info-fd', String(fd.info)],
    ...['--', interpreter.command, ...confinement.arguments],
  ]
  return { command: '/bin/sh', args: ['-c', limitsScript(dataBytes), bwrapPath, ...bwrap] }
}
