/**
 * The system call filter, as the BPF program that bubblewrap loads before user code exists.
 *
 * Invariants:
 * 1. A foreign architecture (or the x32 interface of x86-64) kills the process: its numbers mean
 *    other calls.
 * 2. A function is exactly one process: no fork, `clone` makes threads only, and `clone3`, whose
 *    flags the filter cannot see, does not exist (the C library then falls back to `clone`). Only a
 *    compiler, which has to start its linker and runs nobody's code, may make processes.
 * 3. Sockets are local only. Network namespaces do not cover every family (vsock), the filter does.
 * 4. The parent-death signal cannot be switched off: the sandbox dies with its host.
 *
 * Siblings: `syscall-numbers.ts` holds the tables.
 */
import { denied, judged, newestKnown } from './syscall-numbers.ts'

export type FilterArch = 'x64' | 'arm64'

/** Who is filtered, and what that one may do which others may not. */
export const filtered = {
  function: { mayFork: false },
  compiler: { mayFork: true },
} as const

export type Filtered = keyof typeof filtered

interface Instruction {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}

const LD_ABS = 0x20
const JEQ = 0x15
const JGE = 0x35
const JSET = 0x45
const AND = 0x54
const RET = 0x06

const ALLOW = 0x7fff0000
const KILL = 0x80000000
const errno = (number: number) => 0x00050000 | number
const EPERM = errno(1)
const ENOMEM = errno(12)
const ENOSYS = errno(38)
const EAFNOSUPPORT = errno(97)

const AUDIT_ARCH = { x64: 0xc000003e, arm64: 0xc00000b7 } as const
const X32_BIT = 0x40000000
const AF_UNIX = 1
const CLONE_THREAD = 0x10000
/** Every CLONE_NEW* flag that `clone` accepts. */
const CLONE_NEW = 0x7e020000
const TIOCSTI = 0x5412
const TIOCLINUX = 0x541c
const MAP_ANONYMOUS = 0x20
const MAP_TYPE = 0x0f
const MAP_SHARED = 1
const MAP_SHARED_VALIDATE = 3
const MAP_GROWSDOWN = 0x100
const MAP_HUGETLB = 0x40000
const PR_SET_PDEATHSIG = 1

/** Of the denied ones. */
const forks: ReadonlySet<string> = new Set(['fork', 'vfork'])

const op = (code: number, k: number, jt = 0, jf = 0): Instruction => ({ code, jt, jf, k })
const load = (offset: number) => op(LD_ABS, offset)
/** The low half of an argument; both architectures are little endian. */
const loadArgument = (index: number) => load(16 + 8 * index)
const ret = (k: number) => op(RET, k)

/** Runs `body` (which always returns) if the call is `number`; otherwise falls through. */
const when = (number: number, body: readonly Instruction[]) => [
  op(JEQ, number, 0, body.length),
  ...body,
]

/** Returns `found` if the loaded argument is one of `values`, else allows. */
const refuseValues = (argument: number, values: readonly number[], found: number) => [
  loadArgument(argument),
  ...values.flatMap((value) => [op(JEQ, value, 0, 1), ret(found)]),
  ret(ALLOW),
]

export function filterProgram(arch: FilterArch, who: Filtered = 'function'): Instruction[] {
  const column = arch === 'x64' ? 0 : 1
  const { mayFork } = filtered[who]
  const localOnly = [loadArgument(0), op(JEQ, AF_UNIX, 0, 1), ret(ALLOW), ret(EAFNOSUPPORT)]
  return [
    load(4),
    op(JEQ, AUDIT_ARCH[arch], 1, 0),
    ret(KILL),
    load(0),
    ...(arch === 'x64' ? [op(JGE, X32_BIT, 0, 1), ret(KILL)] : []),
    op(JGE, newestKnown + 1, 0, 1),
    ret(ENOSYS),
    ...Object.entries(denied).flatMap(([name, numbers]) => {
      const number = numbers[column]
      const isFine = number === null || number === undefined || (mayFork && forks.has(name))
      return isFine ? [] : when(number, [ret(EPERM)])
    }),
    ...when(judged.clone3[column], [ret(ENOSYS)]),
    ...when(judged.clone[column], [
      loadArgument(0),
      op(JSET, CLONE_NEW, 2, 0),
      op(JSET, CLONE_THREAD, 0, mayFork ? 0 : 1),
      ret(ALLOW),
      ret(EPERM),
    ]),
    ...when(judged.socket[column], localOnly),
    ...when(judged.socketpair[column], localOnly),
    ...when(judged.ioctl[column], refuseValues(1, [TIOCSTI, TIOCLINUX], EPERM)),
    // Invisible to RLIMIT_DATA: what grows downwards counts as stack, what is shared as a file.
    ...when(judged.mmap[column], [
      loadArgument(3),
      op(JSET, MAP_GROWSDOWN | MAP_HUGETLB, 0, 1),
      ret(ENOMEM),
      op(JSET, MAP_ANONYMOUS, 1, 0),
      ret(ALLOW),
      op(AND, MAP_TYPE),
      op(JEQ, MAP_SHARED, 1, 0),
      op(JEQ, MAP_SHARED_VALIDATE, 0, 1),
      ret(ENOMEM),
      ret(ALLOW),
    ]),
    ...when(judged.prctl[column], refuseValues(0, [PR_SET_PDEATHSIG], EPERM)),
    ret(ALLOW),
  ]
}

/** The program as the kernel reads it: `struct sock_filter[]`, 8 bytes each. */
export function assembleFilter(arch: FilterArch, who: Filtered = 'function'): Buffer {
  const program = filterProgram(arch, who)
  const bytes = Buffer.alloc(program.length * 8)
  program.forEach(({ code, jt, jf, k }, index) => {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(jt, index * 8 + 2)
    bytes.writeUInt8(jf, index * 8 + 3)
    bytes.writeUInt32LE(k >>> 0, index * 8 + 4)
  })
  return bytes
}
