/** Why a sandboxed process ended, and what that means for the run that it was serving. */
import { LIMITS, SandboxError, type SourceError } from './contract.ts'

/** What the host ended it for; undefined in a `Death` means that the host did not. */
export type EndCause =
  'timeout' | 'output' | 'protocol' | 'hangup' | 'setup' | 'aborted' | 'retired' | 'closing'

export interface Death {
  readonly cause: EndCause | undefined
  readonly exitCode: number | null
  readonly outOfMemory: boolean
  readonly detail?: string | undefined
}

const signalNames: Readonly<Record<number, string>> = {
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  11: 'SIGSEGV',
  25: 'SIGXFSZ',
  31: 'SIGSYS',
}
/** Bubblewrap exits with 128 + the signal that ended the interpreter. */
export const SIGKILL_EXIT = 137

/**
 * The failure that a run shows when its process is gone. Throws a `SandboxError` where the user's
 * code is not to blame: it cannot send itself a SIGKILL (it is process 1 of its namespace), so one
 * that neither we nor the kernel's memory limit sent came from outside.
 */
export function failureOf(
  death: Death,
  run: { readonly timeoutMs: number; readonly memoryMb: number },
): SourceError {
  switch (death.cause) {
    case 'timeout':
      return { code: 'TIMEOUT', message: `The function did not finish within ${run.timeoutMs} ms.` }
    case 'output':
      return {
        code: 'OUTPUT_LIMIT',
        message: `The function printed more than ${LIMITS.logKillBytes} bytes in one run.`,
      }
    case 'protocol':
      return runtimeError(`The function's process broke the protocol: ${death.detail ?? ''}.`)
    case 'hangup':
      if (death.outOfMemory) return failureOfExit(death, run.memoryMb)
      return runtimeError('The function closed the channel to its host.')
    case 'closing':
      throw new SandboxError('SANDBOX_CLOSED', 'The sandbox was closed during the run.')
    case 'setup':
    case 'aborted':
    case 'retired':
      throw new SandboxError('SANDBOX_FAILED', `The process was ended (${death.cause}).`)
    case undefined:
      return failureOfExit(death, run.memoryMb)
  }
}

function failureOfExit({ exitCode, outOfMemory }: Death, memoryMb: number): SourceError {
  if (outOfMemory) {
    return {
      code: 'MEMORY_LIMIT',
      message: `The function needed more than its ${memoryMb} MiB of memory.`,
    }
  }
  if (exitCode === null || exitCode === SIGKILL_EXIT) {
    throw new SandboxError('SANDBOX_FAILED', 'The sandboxed process was killed from outside.')
  }
  if (exitCode > 128 && exitCode < 192) {
    const signal = signalNames[exitCode - 128] ?? `signal ${exitCode - 128}`
    return runtimeError(`The function crashed its process (${signal}).`)
  }
  return runtimeError(`The function ended its process with exit code ${exitCode}.`)
}

const runtimeError = (message: string): SourceError => ({ code: 'RUNTIME_ERROR', message })
