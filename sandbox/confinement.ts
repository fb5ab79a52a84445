/**
 * The command line that builds a sandbox: rlimits, then bubblewrap, then the interpreter.
 *
 * Invariants:
 * 1. Nothing is mounted that is not listed: no /proc (it shows bubblewrap's own arguments), no
 *    /dev (a writable RAM disk), no /etc. The root is read-only once everything is in place.
 * 2. A function has /tmp only where a memory cgroup bounds it: nothing else bounds its inodes.
 * 3. The interpreter is process 1 of its namespace: one pid to freeze and to kill, and signals
 *    that it sends to itself or to everybody reach nobody.
 */
import type { Bind } from './interpreters.ts'
import { markArguments } from './host.ts'

/** Where the launcher finds each descriptor; `process.ts` passes them in this order. */
export const fd = { control: 3, filter: 4, info: 5 } as const

const OPEN_FILES = 64
const FILE_BYTES = 64 * 1024 * 1024
/** The usual size, made a hard limit: a stack is not counted as data. */
const STACK_BYTES = 8 * 1024 * 1024

export interface Confinement {
  readonly bwrapPath: string
  readonly command: string
  readonly arguments: readonly string[]
  readonly binds: readonly Bind[]
  /** [what it says, where it is]. */
  readonly links?: readonly Bind[]
  readonly environment: Readonly<Record<string, string>>
  /** The size of /tmp; 0 for none. */
  readonly tmpBytes: number
  /** Names the host that it belongs to. */
  readonly mark: string
  readonly limits?: ProcessLimits
}

/** For each process by itself, from its start. */
export interface ProcessLimits {
  /** Where the interpreter cannot set it by itself. */
  readonly dataBytes?: number | undefined
  readonly addressBytes?: number
  readonly cpuSeconds?: number
  readonly openFiles?: number
}

/** A shell sets the limits and is replaced by bubblewrap: it has `ulimit` wherever there is a sh. */
function limitsScript(limits: ProcessLimits): string {
  const { dataBytes, addressBytes, cpuSeconds, openFiles = OPEN_FILES } = limits
  const kib = (bytes: number) => Math.floor(bytes / 1024)
  return [
    ...['ulimit -c 0', `ulimit -n ${openFiles}`, `ulimit -f ${FILE_BYTES / 512}`],
    `ulimit -s ${kib(STACK_BYTES)}`,
    ...(dataBytes === undefined ? [] : [`ulimit -d ${kib(dataBytes)}`]),
    ...(addressBytes === undefined ? [] : [`ulimit -v ${kib(addressBytes)}`]),
    // The first one is told apart from a kill by somebody else, the second one cannot be ignored.
    ...(cpuSeconds === undefined
      ? []
      : [`ulimit -S -t ${cpuSeconds}`, `ulimit -H -t ${cpuSeconds + 1}`]),
    'exec "$0" "$@"',
  ].join(' && ')
}

export function confine(confinement: Confinement): { command: string; args: string[] } {
  const { bwrapPath, binds, links = [], tmpBytes, limits = {} } = confinement
  const bwrap = [
    ...['--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts'],
    ...['--unshare-cgroup-try', '--disable-userns', '--as-pid-1'],
    ...['--uid', '65534', '--gid', '65534', '--hostname', 'fn'],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--clearenv'],
    ...Object.entries(confinement.environment).flatMap((entry) => ['--setenv', ...entry]),
    ...markArguments(confinement.mark),
    ...binds.flatMap(([source, target]) => ['--ro-bind', source, target]),
    ...links.flatMap(([says, target]) => ['--symlink', says, target]),
    ...['--dev-bind', '/dev/null', '/dev/null', '--dev-bind', '/dev/urandom', '/dev/urandom'],
    ...(tmpBytes > 0
      ? ['--perms', '0700', '--size', String(tmpBytes), '--tmpfs', '/tmp', '--chdir', '/tmp']
      : ['--chdir', '/']),
    ...['--remount-ro', '/'],
    ...['--seccomp', String(fd.filter), '--info-fd', String(fd.info)],
    ...['--', confinement.command, ...confinement.arguments],
  ]
  return { command: '/bin/sh', args: ['-c', limitsScript(limits), bwrapPath, ...bwrap] }
}
