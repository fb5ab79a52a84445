/** Runs the filter on a small BPF machine: what the kernel would answer, call by call. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assembleFilter, type FilterArch, type Filtered, filterProgram } from '#sandbox/seccomp.ts'
import { denied, judged, newestKnown } from '#sandbox/syscall-numbers.ts'

const audit = { x64: 0xc000003e, arm64: 0xc00000b7 } as const
const arches = ['x64', 'arm64'] as const

function answer(
  arch: FilterArch,
  number: number,
  args: readonly number[] = [],
  from: number = audit[arch],
  who: Filtered = 'function',
) {
  const bytes = assembleFilter(arch, who)
  const data = Buffer.alloc(64)
  data.writeUInt32LE(number, 0)
  data.writeUInt32LE(from, 4)
  args.forEach((value, index) => data.writeUInt32LE(value >>> 0, 16 + 8 * index))
  let accumulator = 0
  for (let at = 0; ; at += 1) {
    const code = bytes.readUInt16LE(at * 8)
    const [jt, jf] = [bytes.readUInt8(at * 8 + 2), bytes.readUInt8(at * 8 + 3)]
    const k = bytes.readUInt32LE(at * 8 + 4)
    const jump = (taken: boolean) => (at += taken ? jt : jf)
    if (code === 0x20) accumulator = data.readUInt32LE(k)
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0
    else if (code === 0x15) jump(accumulator === k)
    else if (code === 0x35) jump(accumulator >= k)
    else if (code === 0x45) jump((accumulator & k) !== 0)
    else if (code === 0x06) return verdict(k)
    else assert.fail(`unknown instruction ${code}`)
  }
}

function verdict(k: number): string {
  if (k === 0x7fff0000) return 'allow'
  if (k === 0x80000000) return 'kill'
  const names: Record<number, string> = {
    1: 'EPERM',
    12: 'ENOMEM',
    38: 'ENOSYS',
    97: 'EAFNOSUPPORT',
  }
  return names[k & 0xffff] ?? String(k)
}

for (const arch of arches) {
  describe(`the filter on ${arch}`, () => {
    const column = arch === 'x64' ? 0 : 1
    const read = arch === 'x64' ? 0 : 63

    test('ordinary calls pass, denied ones do not', () => {
      assert.equal(answer(arch, read), 'allow')
      for (const [name, numbers] of Object.entries(denied)) {
        const number = numbers[column]
        if (number !== null && number !== undefined) {
          assert.equal(answer(arch, number), 'EPERM', name)
        }
      }
    })

    test('another architecture is killed, an unknown call does not exist', () => {
      const other = arch === 'x64' ? 0x40000003 : audit.x64
      assert.equal(answer(arch, read, [], other), 'kill')
      assert.equal(answer(arch, newestKnown + 1), 'ENOSYS')
      assert.equal(answer(arch, newestKnown), 'allow')
      if (arch === 'x64') assert.equal(answer(arch, 0x40000000), 'kill')
    })

    test('clone makes threads, never processes or namespaces', () => {
      const clone = judged.clone[column]
      assert.equal(answer(arch, clone, [0x3d0f00]), 'allow')
      assert.equal(answer(arch, clone, [0x11]), 'EPERM')
      assert.equal(answer(arch, clone, [0x10000 | 0x10000000]), 'EPERM')
      assert.equal(answer(arch, judged.clone3[column]), 'ENOSYS')
    })

    test('a compiler may make processes, and is bound like a function otherwise', () => {
      const asCompiler = (number: number, args: readonly number[] = []) =>
        answer(arch, number, args, audit[arch], 'compiler')
      const clone = judged.clone[column]
      assert.equal(asCompiler(clone, [0x11]), 'allow')
      assert.equal(asCompiler(clone, [0x10000000]), 'EPERM')
      assert.equal(asCompiler(judged.clone3[column]), 'ENOSYS')
      assert.equal(asCompiler(judged.socket[column], [2]), 'EAFNOSUPPORT')
      for (const [name, numbers] of Object.entries(denied)) {
        const number = numbers[column]
        if (number === null || number === undefined) continue
        assert.equal(asCompiler(number), /^v?fork$/.test(name) ? 'allow' : 'EPERM', name)
      }
    })

    test('sockets are local', () => {
      for (const call of [judged.socket[column], judged.socketpair[column]]) {
        assert.equal(answer(arch, call, [1]), 'allow')
        for (const family of [0, 2, 10, 16, 17, 38, 40]) {
          assert.equal(answer(arch, call, [family]), 'EAFNOSUPPORT')
        }
      }
    })

    test('memory that no limit sees is not to be had', () => {
      const mmap = judged.mmap[column]
      assert.equal(answer(arch, mmap, [0, 4096, 3, 0x22]), 'allow')
      assert.equal(answer(arch, mmap, [0, 4096, 1, 0x01]), 'allow')
      assert.equal(answer(arch, mmap, [0, 4096, 3, 0x21]), 'ENOMEM')
      assert.equal(answer(arch, mmap, [0, 4096, 3, 0x23]), 'ENOMEM')
      assert.equal(answer(arch, mmap, [0, 4096, 3, 0x122]), 'ENOMEM')
      assert.equal(answer(arch, mmap, [0, 4096, 3, 0x102]), 'ENOMEM')
      assert.equal(answer(arch, mmap, [0, 4096, 3, 0x40022]), 'ENOMEM')
      assert.equal(answer(arch, mmap, [0, 4096, 3, 0x20022]), 'allow')
    })

    test('the terminal and the parent’s death signal are out of reach', () => {
      assert.equal(answer(arch, judged.ioctl[column], [0, 0x5412]), 'EPERM')
      assert.equal(answer(arch, judged.ioctl[column], [0, 0x5401]), 'allow')
      assert.equal(answer(arch, judged.prctl[column], [1]), 'EPERM')
      assert.equal(answer(arch, judged.prctl[column], [15]), 'allow')
    })

    test('every jump lands inside the program, which the kernel takes', () => {
      const program = filterProgram(arch)
      assert.ok(program.length < 4096)
      program.forEach(({ jt, jf }, at) =>
        assert.ok(at + 1 + Math.max(jt, jf) < program.length || at === program.length - 1),
      )
      assert.equal(program.at(-1)?.code, 0x06)
    })
  })
}
