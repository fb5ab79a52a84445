/**
 * Parses source inside the sandbox, without running it.
 *
 * Invariants:
 * 1. The process that parses never runs user code and never becomes a spare. It parses for
 *    everybody: the worst that a bug in a parser could do is to falsify another answer of this
 *    kind, and a source that does not parse fails in its own run as well.
 * 2. One source at a time per process, each with a time limit; whoever breaks the parser ends that
 *    process only, and the next check gets a new one.
 * 3. A second process stands beside the first, started when it is needed: a slow source holds up
 *    nobody while the other one is free.
 */
import { type CheckResult, type InterpretedName, LIMITS, SandboxError } from './contract.ts'
import { encodeFrame, frameType } from './frames.ts'
import { Lanes } from './lanes.ts'
import { LogBuffer } from './logs.ts'
import { position } from './outcome.ts'
import type { SandboxProcess } from './process.ts'

/** Parsing takes milliseconds; python's compiler needs seconds for a source of a megabyte. */
const PARSE_TIMEOUT_MS = 1000
const PARSE_TIMEOUT_MS_PER_MIB: Readonly<Record<InterpretedName, number>> = {
  python: 6000,
  nodejs: 500,
}
const MIB = 1024 * 1024
const CHECKS_PER_PROCESS = 1000
const LANES = 2

interface Lane {
  process: SandboxProcess | undefined
}

export class Checker {
  readonly #runtime: InterpretedName
  readonly #start: () => SandboxProcess
  readonly #lanes = new Lanes(Array.from({ length: LANES }, (): Lane => ({ process: undefined })))
  #closed = false

  constructor(runtime: InterpretedName, start: () => SandboxProcess) {
    this.#runtime = runtime
    this.#start = start
  }

  /** A check whose signal is aborted while it waits is not begun. */
  async check(code: string, signal?: AbortSignal): Promise<CheckResult> {
    const lane = await this.#lanes.take(signal)
    try {
      return await this.#parse(lane, code)
    } finally {
      this.#lanes.handOn(lane)
    }
  }

  /** Whoever waits is told so by the process that it gets no more. */
  close(): void {
    this.#closed = true
  }

  async #parse(lane: Lane, code: string): Promise<CheckResult> {
    const process = await this.#ready(lane)
    const mebibytes = Buffer.byteLength(code) / MIB
    const answer = await process.call({
      makeFrame: (id) => encodeFrame(frameType.check, id, code),
      timeoutMs: PARSE_TIMEOUT_MS + mebibytes * PARSE_TIMEOUT_MS_PER_MIB[this.#runtime],
      logs: new LogBuffer(),
    })
    if (answer.kind === 'frame' && answer.frame.type === frameType.checked) {
      if (process.calls >= CHECKS_PER_PROCESS) process.kill('retired')
      return readCheck(answer.frame.payload.toString('utf8'))
    }
    process.kill('retired')
    const cause = answer.kind === 'death' ? answer.death.cause : undefined
    if (cause === 'closing') throw closedError()
    const how =
      cause === 'timeout' ? 'takes too long to parse' : 'cannot be parsed: it crashes the parser'
    return { ok: false, message: `The source ${how}.` }
  }

  async #ready(lane: Lane): Promise<SandboxProcess> {
    if (this.#closed) throw closedError()
    if (lane.process?.alive === true) return lane.process
    const process = this.#start()
    lane.process = process
    try {
      await process.ready
    } catch (cause) {
      throw new SandboxError('SANDBOX_FAILED', 'No process for a check could be started.', {
        cause,
      })
    }
    process.cgroup?.limit(LIMITS.memoryMbMax)
    return process
  }
}

const closedError = () => new SandboxError('SANDBOX_CLOSED', 'The sandbox was closed.')

export type Checkers = Readonly<Record<InterpretedName, Checker>>

function readCheck(text: string): CheckResult {
  const fields = JSON.parse(text) as Record<string, unknown>
  if (fields['ok'] === true) return { ok: true }
  const given = fields['message']
  const message = typeof given === 'string' ? given.slice(0, 1000).toWellFormed() : ''
  const line = position(fields['line'])
  const column = position(fields['column'])
  return {
    ok: false,
    message,
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
  }
}
