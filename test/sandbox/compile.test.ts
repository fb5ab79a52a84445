/**
 * Sources that attack the compiler: each is refused with a reason, or compiles to a program that is
 * confined like any other; and the next source compiles at once.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Programs } from '#sandbox/programs.ts'
import { RUST } from './rust-programs.ts'
import { errorOf, levels, openRig, program, resultOf, type Rig } from './support.ts'

const refused: Readonly<Record<string, readonly [code: string, message: RegExp, line?: number]>> = {
  'a file of the host, as text': [
    `const S: &str = include_str!("/etc/shadow");\n${RUST} Ok(json!(S)) }`,
    /couldn't read `?\/etc\/shadow/,
    1,
  ],
  'a file of the host, as bytes': [
    `${RUST}\n    Ok(json!(include_bytes!("/etc/passwd").to_vec()))\n}`,
    /couldn't read `?\/etc\/passwd/,
    2,
  ],
  'a file of the host, as a module': [
    `#[path = "/etc/passwd"]\nmod passwd;\n${RUST} Ok(event) }`,
    /couldn't read `?\/etc\/passwd/,
    2,
  ],
  'the memory of the compiler': [
    `const S: &str = include_str!("/proc/self/environ");\n${RUST} Ok(json!(S)) }`,
    /couldn't read/,
    1,
  ],
  'the environment of the host': [
    `${RUST} Ok(json!(env!("HOME"))) }`,
    /environment variable `HOME` not defined/,
    1,
  ],
  'a file of the host, by the assembler': [
    `std::arch::global_asm!(".incbin \\"/etc/passwd\\"");\n${RUST} Ok(event) }`,
    /./,
  ],
  'a brace that closes more than it opened': [
    `${RUST} Ok(event) }\n}\nfn main() {}\nmod more {`,
    /unexpected closing delimiter/,
    2,
  ],
  'a brace that is never closed': [`${RUST} Ok(event)`, /unclosed delimiter/, 1],
  'an unstable feature': [`#![feature(asm)]\n${RUST} Ok(event) }`, /./, 1],
  'a main of its own': [
    `#[no_mangle]\npub extern "C" fn main() -> i32 { 0 }\n${RUST} Ok(event) }`,
    /main/,
  ],
  'a library that is not there': [
    `#[link(name = "nothing")]\nextern "C" { fn nothing(); }\n${RUST} unsafe { nothing() }; Ok(event) }`,
    /cannot be linked: .*nothing/,
  ],
  'a crate that is not there': [
    `extern crate libc;\n${RUST} Ok(event) }`,
    /can't find crate|unstable library/,
    1,
  ],
  'a procedural macro': [
    `extern crate proc_macro;\n#[proc_macro]\npub fn run(t: proc_macro::TokenStream) -> proc_macro::TokenStream { t }\n${RUST} Ok(event) }`,
    /proc[-_]macro/,
  ],
  'nothing at all': ['', /defines no `fn handler/],
  'a handler that takes what it is not given': [
    'fn handler(a: Json, b: Json, c: Json) -> Result<Json, String> { Ok(a) }',
    /The handler has to be/,
    1,
  ],
  'an async handler': [
    'async fn handler(event: Json) -> Result<Json, String> { Ok(event) }',
    /The handler has to be/,
    1,
  ],
  'parentheses without an end': ['('.repeat(100_000), /./],
  'a type that contains itself': [
    `struct A(B);\nstruct B(A);\n${RUST} let _: Option<A> = None; Ok(event) }`,
    /infinite size/,
    1,
  ],
}

/** They take all the time or memory that a compile may have: once is enough. */
const endless: typeof refused = {
  'a macro that grows for ever': [
    `macro_rules! grow { ($($t:tt)*) => { grow!($($t)* $($t)* x) } }\ngrow!(x);\n${RUST} Ok(event) }`,
    /./,
  ],
  'a file without an end': [
    `static S: &[u8] = include_bytes!("/dev/urandom");\n${RUST} Ok(json!(S.len())) }`,
    /too long|too much memory|crashes the compiler|couldn't read/,
  ],
  'a computation without an end': [
    `const fn spin() -> u64 { let mut n = 0u64; loop { n = n.wrapping_add(1) } }\nconst N: u64 = spin();\n${RUST} Ok(json!(N)) }`,
    // Older compilers count its steps themselves.
    /takes too long to compile|evaluation of constant value failed/,
  ],
  'a program of a gigabyte': [
    `static S: [u8; 1 << 30] = [1; 1 << 30];\n${RUST} Ok(json!(S[event.as_u64().unwrap_or(0) as usize])) }`,
    /too large|too much memory|too long|crashes the compiler|cannot be linked|./,
  ],
}

for (const level of levels) {
  describe(`compiles at level ${level === 'auto' ? 'full' : 'user'}`, () => {
    let rig: Rig
    before(async () => (rig = await openRig({ level })))
    after(() => rig.close())

    let sources = 0
    async function anotherCompiles() {
      const code = `${RUST} Ok(json!([event["n"], ${Date.now()}, ${(sources += 1)}])) }`
      assert.deepEqual(await rig.sandbox.check('rust', code), { ok: true })
    }

    for (const [what, [code, message, line]] of Object.entries({
      ...refused,
      ...(level === levels.at(-1) ? endless : {}),
    })) {
      test(`${what} is refused`, async () => {
        const checked = await rig.sandbox.check('rust', code)
        assert.ok(!checked.ok, what)
        assert.match(checked.message, message)
        if (line !== undefined) assert.equal(checked.line, line)
        assert.doesNotMatch(checked.message, /\/rust\/|\/usr\/|\/tmp|\/work|main\.rs/)
      })
    }

    test('the next source compiles', anotherCompiles)

    test('a source that is refused is refused where it is run unchecked, too', async () => {
      const run = await rig.run(program('rust', `${RUST}\n    Ok(1)\n}`))
      const error = errorOf(run)
      assert.deepEqual([error.code, error.line], ['RUNTIME_ERROR', 2])
      assert.match(error.message, /mismatched types/)
    })
  })

  test(`checks of other runtimes do not wait for compiles at level ${level === 'auto' ? 'full' : 'user'}`, async () => {
    const own = await openRig({ level })
    const slow = (n: number) =>
      `const fn spin() -> u64 { let mut n = ${n}u64; loop { n = n.wrapping_add(1) } }\nconst N: u64 = spin();\n${RUST} Ok(json!(N)) }`
    const abort = new AbortController()
    const flood = Promise.allSettled(
      Array.from({ length: 6 }, (_, n) => own.sandbox.check('rust', slow(n), abort.signal)),
    )
    let ended = false
    const settled = flood.finally(() => (ended = true))
    assert.deepEqual(await own.sandbox.check('python', 'def handler(event): pass'), { ok: true })
    assert.deepEqual(await own.sandbox.check('nodejs', 'function handler() {}'), { ok: true })
    assert.equal(ended, false)
    const reason = new Error('nobody waits any more')
    const run = own.run(program('rust', slow(6)), { signal: abort.signal })
    const left = assert.rejects(run, reason)
    abort.abort(reason)
    await left
    await own.close()
    const reasons = (await settled).map(
      (end) => end.status === 'rejected' && (end.reason as unknown),
    )
    assert.equal(reasons.filter((each) => each === reason).length, 4, 'those that wait leave')
    assert.ok(reasons.every(Boolean), 'those that are compiled end with the sandbox')
  })

  test(`a sandbox that closes at level ${level === 'auto' ? 'full' : 'user'} ends its compiles`, async () => {
    const rig = await openRig({ level })
    const sources = Array.from(
      { length: 4 },
      (_, n) => `${RUST} Ok(json!([${Date.now()}, ${n}])) }`,
    )
    const compiling = Promise.allSettled(sources.map((code) => rig.sandbox.check('rust', code)))
    await rig.close()
    for (const { status } of await compiling) assert.equal(status, 'rejected')
  })
}

test('a source is compiled once, for whoever runs it', async () => {
  await using first = await openRig({})
  const code = `${RUST} Ok(json!([event, ${Date.now()}])) }`
  const coldMs = await timed(() => first.sandbox.check('rust', code))
  const againMs = await timed(() => first.sandbox.check('rust', code))
  assert.ok(againMs < coldMs / 4, `${coldMs} ms, then ${againMs} ms`)
  for (const owner of ['one', 'another']) {
    const run = await first.run(program('rust', code, { owner }), { event: '1' })
    assert.equal((resultOf(run) as unknown[])[0], 1)
  }
})

test('programs take bounded room: those that nobody uses go first', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-programs-test-'))
  const programs = new Programs(folder, 1000)
  const names = ['a', 'b', 'c', 'd']
  for (const [n, name] of names.entries()) {
    const file = await programs.keep(name, Buffer.alloc(300, name))
    await utimes(file, 1000 + n, 1000 + n)
    if (name === 'c') assert.notEqual(await programs.find('a'), undefined, 'used just now')
  }
  const kept = path.join(folder, 'programs')
  assert.deepEqual((await readdir(kept)).sort(), ['a', 'c', 'd'])
  assert.equal(await programs.find('b'), undefined)
  assert.equal((await readFile(path.join(kept, 'a'))).length, 300)
  await writeFile(path.join(kept, 'e.1-1'), 'left half written')
  await utimes(path.join(kept, 'e.1-1'), 1000, 1000)
  await programs.keep('f', Buffer.alloc(10))
  assert.ok(!(await readdir(kept)).some((name) => name.startsWith('e')))
  await rm(folder, { recursive: true })
})

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
