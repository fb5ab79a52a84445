/**
 * How each runtime is started inside the sandbox, and what of its memory is not the user's.
 *
 * The runner's text arrives on fd 0, so that no file in the sandbox holds it and no folder of ours
 * has to be readable by the sandbox's uid. A compiled program has its runner in it; there it is the
 * compiler that is fed.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { RuntimeName } from '../contract.ts'

export interface Launch {
  /** The runner's text, which is fed to the interpreter. */
  readonly runner: () => Promise<string>
  /** The one that benchmarks feed instead. */
  readonly echoPath: string
  readonly arguments: (memoryClassMb: number) => readonly string[]
  /** For the interpreter's C library; the runner takes it away before user code exists. */
  readonly environment: Readonly<Record<string, string>>
  /** A spare of it waits in a program of ours, and becomes the function's own when it is claimed. */
  readonly isCompiled: boolean
  /** Spares are kept per class; 0 means that one spare serves every memory limit. */
  readonly memoryClassOf: (memoryMb: number) => number
}

const at = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const text = (name: string) => readFile(at(name), 'utf8')

async function joined(names: readonly string[]): Promise<string> {
  return (await Promise.all(names.map(text))).join('')
}

/** A crate's root with its modules written out: one text is easier to hand over than many files. */
async function crate(folder: string): Promise<string> {
  const root = await text(`${folder}/lib.rs`)
  const modules = [...root.matchAll(/^mod (\w+);$/gm)].map(async ([line, name]) => [
    line,
    `mod ${name} {\n${await text(`${folder}/${name}.rs`)}}`,
  ])
  const byLine = new Map((await Promise.all(modules)) as [string, string][])
  return root.replace(/^mod \w+;$/gm, (line) => byLine.get(line) ?? line)
}

/** V8's heap is sized when it starts, so a spare of nodejs fits one class of limits only. */
const memoryClassesMb = [64, 128, 256, 512, 1024, 2048] as const
const SEMI_SPACE_MB = 8

const nodeBootstrap =
  "require('node:vm').compileFunction(require('node:fs').readFileSync(0,'utf8'),['require','process']," +
  "{filename:'runner',importModuleDynamically:undefined})(require,process)"

/** The crate that a function's source becomes; the runner is a library beside it. */
export const programPath = at('rust/main.rs')
/** The program that a spare of what is compiled waits in. */
export const enterPath = at('rust/enter.rs')

export const launches: Readonly<Record<RuntimeName, Launch>> = {
  python: {
    runner: () => joined(['channel', 'check', 'runner'].map((part) => `python/${part}.py`)),
    echoPath: at('python/echo.py'),
    arguments: () => [
      ...['-I', '-S', '-B', '-X', 'utf8', '-c'],
      "exec(compile(open(0,'rb',closefd=False).read(),'<runner>','exec'),{'__name__':'runner'})",
    ],
    // An arena per thread would reserve 64 MiB of the address space that a function may have.
    environment: { MALLOC_ARENA_MAX: '1' },
    isCompiled: false,
    memoryClassOf: () => 0,
  },
  nodejs: {
    runner: () =>
      joined(['channel', 'result', 'source', 'runner'].map((part) => `nodejs/${part}.cjs`)),
    echoPath: at('nodejs/echo.cjs'),
    arguments: (memoryClassMb) => [
      `--max-old-space-size=${memoryClassMb}`,
      `--max-semi-space-size=${SEMI_SPACE_MB}`,
      ...['--v8-pool-size=1', '--no-addons', '--disable-wasm-trap-handler', '--disable-sigusr1'],
      ...['--no-warnings', '--experimental-vm-modules', '-e', nodeBootstrap],
    ],
    environment: {},
    isCompiled: false,
    memoryClassOf: (memoryMb) =>
      memoryClassesMb.find((each) => each >= memoryMb) ?? memoryClassesMb.at(-1) ?? memoryMb,
  },
  rust: {
    runner: () => crate('rust'),
    echoPath: at('rust/echo.rs'),
    arguments: () => [],
    environment: { MALLOC_ARENA_MAX: '1' },
    isCompiled: true,
    memoryClassOf: () => 0,
  },
}
