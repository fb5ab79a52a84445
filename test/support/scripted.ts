/** A tiny real child process for tests of what supervises one: a script given as text. */
import type { Program } from '../../apps/local/program.ts'

export interface Scripted {
  readonly name: string
  readonly script: string
  readonly env?: Readonly<Record<string, string>>
}

/** Ready when it prints `ready`. */
export function scripted({ name, script, env = {} }: Scripted): Program {
  return {
    name,
    stopSignal: 'SIGTERM',
    command: async () => ({
      file: process.execPath,
      args: ['--eval', script],
      env: { ...process.env, ...env },
      deathSignal: 'KILL',
    }),
    isReady: (line) => line === 'ready',
    onLine: () => {},
  }
}

/** Stays until it is told to stop, then exits with 0. */
export const OBEDIENT = `
  process.on('SIGTERM', () => process.exit(0))
  setInterval(() => {}, 1_000)
  console.log('ready')
`

/** Does not stop for anything short of SIGKILL. */
export const STUBBORN = `
  process.on('SIGTERM', () => {})
  setInterval(() => {}, 1_000)
  console.log('ready')
`
