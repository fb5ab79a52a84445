/**
 * Makes one call on a process: LOAD with the first one, then CALL, then what the answer means.
 *
 * Invariants:
 * 1. LOAD and CALL leave in one write; before them goes ENTER, where a spare has to become the
 *    function's own program first.
 * 2. A run that ends by time, memory or output, or that breaks the protocol, is answered when its
 *    process is gone (the caller ends it, if it is not `reusable`).
 */
import { CompileRefused } from './compile.ts'
import { type Run, type RunResult, SandboxError } from './contract.ts'
import { failureOf } from './death.ts'
import { encodeCall, encodeFrame, frameType } from './frames.ts'
import { LogBuffer } from './logs.ts'
import { readAnswer } from './outcome.ts'
import type { SandboxProcess } from './process.ts'

const CALLS_PER_PROCESS = 10_000
const MEMORY_SHARE_KEPT = 0.8
const MIB = 1024 * 1024
/** For the code of libraries, which maps as files, and for the main stack. */
const ADDRESS_HEADROOM_BYTES = 32 * MIB

export interface Served {
  readonly result: RunResult
  /** The process can go on. */
  readonly sound: boolean
  /** Nor has it used up so much that another one would do better. */
  readonly reusable: boolean
}

export async function serve(process: SandboxProcess, run: Run): Promise<Served> {
  const { program, signal } = run
  signal?.throwIfAborted()
  const cold = process.calls === 0
  if (cold) {
    const refused = await admitted(process, run)
    if (refused !== undefined) return refused
    process.cgroup?.limit(program.memoryMb)
  }
  const logs = new LogBuffer()
  const onAbort = () => process.kill('aborted')
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const context = JSON.stringify(run.context)
    const answer = await process.call({
      makeFrame: (id) =>
        encodeCall(id, context, run.event, cold ? loadFrame(process, run, id) : undefined),
      timeoutMs: run.timeoutMs,
      logs,
      onSent: run.onStart,
    })
    if (answer.kind === 'death') {
      signal?.throwIfAborted()
      const error = failureOf(answer.death, {
        timeoutMs: run.timeoutMs,
        memoryMb: program.memoryMb,
      })
      const usage = { durationMs: answer.wallMs, cpuMs: 0, memoryBytes: 0, cold }
      return { result: result({ ok: false, error }, usage, logs), sound: false, reusable: false }
    }
    const limits = { wallMs: answer.wallMs, memoryMb: program.memoryMb }
    const reading = readAnswer(answer.frame, limits)
    const reusable =
      reading.reusable &&
      process.calls < CALLS_PER_PROCESS &&
      (await hasMemoryLeft(process, reading.usage.memoryBytes, program.memoryMb))
    const answered = result(reading.outcome, { ...reading.usage, cold }, logs)
    return { result: answered, sound: reading.reusable, reusable }
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/** A source that is refused was compiled when it was registered, but by another compiler. */
async function admitted(process: SandboxProcess, run: Run): Promise<Served | undefined> {
  const { signal, program } = run
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal?.reason as Error)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    // Who gives up does not wait for the compile, which goes on: the next run has its program.
    await Promise.race([process.admit(program.code), aborted.promise])
  } catch (error) {
    if (!(error instanceof CompileRefused)) throw error
    const { message, place } = error
    const failure = { code: 'RUNTIME_ERROR', message, ...place } as const
    const usage = { durationMs: 0, cpuMs: 0, memoryBytes: 0, cold: true }
    return {
      result: result({ ok: false, error: failure }, usage, new LogBuffer()),
      sound: false,
      reusable: false,
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
  if (!process.alive) throw new SandboxError('SANDBOX_FAILED', 'The process has ended meanwhile.')
  return undefined
}

function loadFrame(process: SandboxProcess, run: Run, id: number): Buffer {
  const { code, env, runtime } = run.program
  const limits = ownLimits(process, run)
  switch (runtime) {
    case 'python':
      return encodeFrame(frameType.load, id, JSON.stringify({ code, env, ...limits }))
    case 'nodejs':
      return encodeFrame(frameType.load, id, JSON.stringify({ code, env }))
    case 'rust': {
      // As text, whose length the spare knows: it must not read into what comes behind it.
      const { dataBytes, addressBytes } = limits
      const enter = [dataBytes, addressBytes].map((bytes) => String(bytes).padStart(20, '0'))
      return Buffer.concat([
        encodeFrame(frameType.enter, id, enter.join('')),
        encodeFrame(frameType.load, id, JSON.stringify({ env })),
      ])
    }
  }
}

/**
 * What python and a spare of rust set for themselves. RLIMIT_DATA is exact for what an allocator asks for, but
 * whoever calls the C library knows ways around it: the stack moved or split by mremap, or pages
 * made read-only once they are written. The address space counts them all.
 */
function ownLimits({ base }: SandboxProcess, { program }: Run) {
  const memoryBytes = program.memoryMb * MIB
  return {
    dataBytes: base.dataBytes + memoryBytes,
    addressBytes: base.addressBytes + memoryBytes + ADDRESS_HEADROOM_BYTES,
  }
}

function result(
  outcome: RunResult['outcome'],
  usage: RunResult['usage'],
  logs: LogBuffer,
): RunResult {
  return { outcome, usage, logs: logs.lines(), logsTruncated: logs.truncated }
}

/** The peak comes for free with each answer; only a high one is worth a look at the present. */
async function hasMemoryLeft(process: SandboxProcess, peakBytes: number, memoryMb: number) {
  const kept = process.base.residentBytes + MEMORY_SHARE_KEPT * memoryMb * MIB
  if (peakBytes < kept) return true
  const memory = await process.memory()
  return memory !== null && memory.residentBytes < kept
}
