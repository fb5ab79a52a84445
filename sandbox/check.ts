/**
 * Parses source inside the sandbox, without running it.
 *
 * Invariants:
 * 1. The process that parses never runs user code and never becomes a spare. It parses for
 *    everybody: the worst that a bug in a parser could do is to falsify another answer of this
 *    kind, and a source that does not parse fails in its own run as well.
 * 2. One source at a time, each with a time limit; whoever breaks the parser ends the process, and
 *    the next check gets a new one.
 */
import { type CheckResult, LIMITS, type RuntimeName, SandboxError } from './contract.ts'
import { encodeFrame, frameType } from './frames.ts'
import { LogBuffer } from './logs.ts'
import { position } from './outcome.ts'
import type { SandboxProcess } from './process.ts'

const PARSE_TIMEOUT_MS = 3000
const CHECKS_PER_PROCESS = 1000

export class Checker {
  readonly #start: () => SandboxProcess
  #process: SandboxProcess | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(start: () => SandboxProcess) {
    this.#start = start
  }

  check(code: string): Promise<CheckResult> {
    const turn = this.#last.then(() => this.#parse(code))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  async #parse(code: string): Promise<CheckResult> {
    const process = await this.#ready()
    const answer = await process.call({
      makeFrame: (id) => encodeFrame(frameType.check, id, code),
      timeoutMs: PARSE_TIMEOUT_MS,
      logs: new LogBuffer(),
    })
    if (answer.kind === 'frame' && answer.frame.type === frameType.checked) {
      if (process.calls >= CHECKS_PER_PROCESS) process.kill('retired')
      return readCheck(answer.frame.payload.toString('utf8'))
    }
    process.kill('retired')
    const cause = answer.kind === 'death' ? answer.death.cause : undefined
    if (cause === 'closing') throw new SandboxError('SANDBOX_CLOSED', 'The sandbox was closed.')
    const how =
      cause === 'timeout' ? 'takes too long to parse' : 'cannot be parsed: it crashes the parser'
    return { ok: false, message: `The source ${how}.` }
  }

  async #ready(): Promise<SandboxProcess> {
    if (this.#process?.alive !== true) {
      this.#process = this.#start()
      try {
        await this.#process.ready
        const { cgroup } = this.#process
        cgroup?.limit(LIMITS.memoryMbMax)
      } catch (cause) {
        throw new SandboxError('SANDBOX_FAILED', 'No process for a check could be started.', {
          cause,
        })
      }
    }
    return this.#process
  }
}

export type Checkers = Readonly<Record<RuntimeName, Checker>>

function readCheck(text: string): CheckResult {
  const fields = JSON.parse(text) as Record<string, unknown>
  if (fields['ok'] === true) return { ok: true }
  const message = typeof fields['message'] === 'string' ? fields['message'].slice(0, 1000) : ''
  const line = position(fields['line'])
  const column = position(fields['column'])
  return {
    ok: false,
    message,
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
  }
}
