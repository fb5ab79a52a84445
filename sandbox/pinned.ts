/**
 * One process for one user of a program, who gets it for each of their runs: what the program keeps
 * in its module lives between them.
 *
 * Invariants:
 * 1. One call at a time, in the order in which they came.
 * 2. A run that leaves the process in no state to go on (`serve.ts`) ends it, and it is not replaced:
 *    a new process would not have what was kept in the old one.
 * 3. Shortly after a run the process is frozen: user code does not run between calls.
 */
import { type Pinned, type Run, type RunResult, SandboxError } from './contract.ts'
import type { SandboxProcess } from './process.ts'
import { serve } from './serve.ts'

const FREEZE_AFTER_MS = 50

export class PinnedProcess implements Pinned {
  readonly ended: Promise<void>
  readonly #process: Promise<SandboxProcess>
  #line: Promise<unknown> = Promise.resolve()
  #freezing: NodeJS.Timeout | undefined
  #closed = false

  constructor(process: Promise<SandboxProcess>) {
    this.#process = process
    // Whoever runs something on it gets the error.
    this.ended = process.then(async ({ closed }) => void (await closed)).catch(() => undefined)
  }

  run(run: Run): Promise<RunResult> {
    const result = this.#line.then(() => this.#serve(run))
    this.#line = result.catch(() => undefined)
    return result
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#freezing)
    this.#process.then((process) => process.kill('retired')).catch(() => undefined)
  }

  async #serve(run: Run): Promise<RunResult> {
    clearTimeout(this.#freezing)
    const process = await this.#process
    if (this.#closed || !process.alive) {
      throw new SandboxError('SANDBOX_FAILED', 'The pinned process is gone.')
    }
    try {
      const { result, sound } = await serve(process, run)
      if (sound) this.#freezing = setTimeout(() => process.freeze(), FREEZE_AFTER_MS).unref()
      else await end(process)
      return result
    } catch (error) {
      process.kill('aborted')
      throw error
    }
  }
}

async function end(process: SandboxProcess): Promise<void> {
  process.kill('retired')
  await process.closed
}
