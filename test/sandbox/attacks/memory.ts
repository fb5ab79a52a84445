/** Attacks that take memory where RLIMIT_DATA does not look. */
import type { Attack } from './attack.ts'

/** Takes 64 MiB sixteen times with `take`, writes to each page and tells how much it got. */
const hoardPages = (take: string) => `
import ctypes, mmap
libc = ctypes.CDLL(None, use_errno=True)
for name in ('mmap', 'mremap'):
    getattr(libc, name).restype = ctypes.c_void_p
FAILED, SIZE, PAGE = 2 ** 64 - 1, 64 << 20, 4096
address, length, zero = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t(0)
hoard = []
${take}
def handler(event):
    got = 0
    try:
        for _ in range(16):
            take()
            got += 64
    except (OSError, MemoryError):
        pass
    return got <= 128 or got
`

const checked = `
def checked(at):
    if at == FAILED:
        raise OSError(ctypes.get_errno(), 'refused')
    return at
`

const memoryOutOfSight: Readonly<Record<string, string>> = {
  'memory that counts as a stack': `
def take():
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x100
    hoard.append(mmap.mmap(-1, SIZE, flags=flags))
    for at in range(0, SIZE, PAGE):
        hoard[-1][at] = 1
`,
  'the stack itself, made longer': `${checked}
top = ctypes.c_void_p.in_dll(libc, '__libc_stack_end').value // PAGE * PAGE
def take():
    page = top - (20 + len(hoard)) * PAGE
    hoard.append(checked(libc.mremap(address(page), length(PAGE), length(SIZE), 1)))
    ctypes.memset(hoard[-1] + PAGE, 1, SIZE - PAGE)
`,
  'pages made read-only once they are written': `${checked}
def take():
    at = checked(libc.mmap(address(0), length(SIZE), 3, 0x22, -1, zero))
    ctypes.memset(at, 1, SIZE)
    libc.mprotect(address(at), length(SIZE), 1)
`,
}

export const attacksOnAccounting: readonly Attack[] = Object.entries(memoryOutOfSight).map(
  ([what, take]) => ({
    name: `${what}: no way past the memory limit`,
    runtime: 'python',
    code: hoardPages(take),
    expect: { answers: true },
  }),
)
