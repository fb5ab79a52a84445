/**
 * How each interpreter is started inside the sandbox, and what of its memory is not the user's.
 *
 * The runner's text arrives on fd 0, so that no file in the sandbox holds it and no folder of ours
 * has to be readable by the sandbox's uid.
 */
import { fileURLToPath } from 'node:url'
import type { RuntimeName } from '../contract.ts'

export interface Launch {
  /** The runner's parts, which are put together and fed to the interpreter. */
  readonly runnerParts: readonly string[]
  /** The one that benchmarks feed instead. */
  readonly echoPath: string
  readonly arguments: (memoryClassMb: number) => readonly string[]
  /** For the interpreter's C library; the runner takes it away before user code exists. */
  readonly environment: Readonly<Record<string, string>>
  /** Its processes are made of their source: each program has spares of its own, or none. */
  readonly isCompiled: boolean
  /** Spares are kept per class; 0 means that one spare serves every memory limit. */
  readonly memoryClassOf: (memoryMb: number) => number
}

const at = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** V8's heap is sized when it starts, so a spare of nodejs fits one class of limits only. */
const memoryClassesMb = [64, 128, 256, 512, 1024, 2048] as const
const SEMI_SPACE_MB = 8

const nodeBootstrap =
  "require('node:vm').compileFunction(require('node:fs').readFileSync(0,'utf8'),['require','process']," +
  "{filename:'runner',importModuleDynamically:undefined})(require,process)"

export const launches: Readonly<Record<RuntimeName, Launch>> = {
  python: {
    runnerParts: ['channel', 'check', 'runner'].map((part) => at(`python/${part}.py`)),
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
    runnerParts: ['channel', 'result', 'source', 'runner'].map((part) => at(`nodejs/${part}.cjs`)),
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
}
