/**
 * The floor under a warm call: a confined interpreter that sends each frame straight back.
 *
 * A benchmark puts it beside `Sandbox.run`: the same confinement, channel and interpreter, but no
 * user code, no JSON, no log, no pool.
 */
import { createCompilers } from './compile.ts'
import type { RuntimeName } from './contract.ts'
import { encodeFrame, frameType } from './frames.ts'
import { type Ground, layGround, startProcess } from './ground.ts'
import { LogBuffer } from './logs.ts'
import { resolveOptions, type SandboxOptions } from './options.ts'
import { launches } from './runtimes/launch.ts'
import type { Slot } from './slots.ts'

const MEMORY_MB = 128
const TIMEOUT_MS = 10_000

export interface Echo extends AsyncDisposable {
  roundTrip(text: string): Promise<void>
}

export async function startEcho(options: SandboxOptions, runtime: RuntimeName): Promise<Echo> {
  const ground = await layGround(resolveOptions(options))
  const { echoPath, isCompiled } = launches[runtime]
  const process = startProcess(ground, {
    runtime,
    ...(isCompiled ? { slot: await compiled(ground, echoPath) } : { runnerPath: echoPath }),
    memoryMb: MEMORY_MB,
    baseDataBytes: undefined,
    onTrouble: () => undefined,
  })
  await process.ready
  return {
    async roundTrip(text) {
      const answer = await process.call({
        makeFrame: (id) => encodeFrame(frameType.call, id, text),
        timeoutMs: TIMEOUT_MS,
        logs: new LogBuffer(),
      })
      if (answer.kind === 'death') throw new Error('the echo has died')
    },
    async [Symbol.asyncDispose]() {
      process.kill('closing')
      await process.removed
      await ground.cgroups?.remove()
    },
  }
}

async function compiled(ground: Ground, echoPath: string): Promise<Slot> {
  if (ground.toolchain instanceof Error) throw ground.toolchain
  const { alone } = createCompilers(ground, ground.toolchain, () => undefined)
  const path = await alone(echoPath).program('')
  const nothing = () => Promise.resolve()
  return { command: '/echo', binds: [[path, '/echo']], fill: nothing, remove: nothing }
}
