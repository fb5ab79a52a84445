/**
 * A program that the launcher runs, and one run of it.
 *
 * Invariants:
 * 1. Whoever started it dies, and it dies with it: the kernel sends `deathSignal` when its parent
 *    is gone, also after `kill -9` (PR_SET_PDEATHSIG, through util-linux's setpriv).
 * 2. It leads its own session: a Ctrl-C at the terminal reaches the launcher alone, which then
 *    stops everything in order.
 * 3. It finds inherited files and directories at `inheritedPath(n)`, whatever the permissions of
 *    the folders above them: an unprivileged server can own data under a closed home.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { setPriority } from 'node:os'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'

const SETPRIV = existsSync('/usr/bin/setpriv') ? '/usr/bin/setpriv' : 'setpriv'
const FIRST_INHERITED = 3

export interface User {
  readonly uid: number
  readonly gid: number
}

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Opened by us and handed over, so that the program needs no right to reach them by name. */
  readonly inherit?: readonly string[]
  readonly runAs?: User | undefined
  readonly deathSignal: 'KILL' | 'QUIT'
  /** 0 to 19: how far it yields to the other programs of a busy machine. */
  readonly niceness?: number
}

/**
 * The read side yields to whoever is answered: beside a flood, a caller's p99 is about a fifth lower
 * so, and read models follow a little later.
 */
export const READ_SIDE_NICENESS = 5

export type Stream = 'stdout' | 'stderr'

export interface Program {
  readonly name: string
  /** Clears what an earlier run left behind, then says what to execute. */
  command(): Promise<Command>
  onLine(line: string, stream: Stream): void
  /** Whether this line of its output says that it serves now. */
  isReady(line: string): boolean
  readonly stopSignal: NodeJS.Signals
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Run {
  readonly pid: number
  /** The line that said so; rejects when the program ends before. */
  readonly ready: Promise<string>
  readonly exited: Promise<Exit>
  /** Resolves when all it printed has been passed on. */
  readonly outputEnded: Promise<unknown>
  readonly kill: (signal: NodeJS.Signals) => void
}

export class ProgramError extends Error {
  readonly code = 'PROGRAM_FAILED'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ProgramError'
  }
}

/** Where a program finds the n-th path of `Command.inherit`. */
export function inheritedPath(index: number): string {
  return `/proc/self/fd/${FIRST_INHERITED + index}`
}

export async function start(program: Program): Promise<Run> {
  const child = execute(await program.command())
  const exited = exitOf(child, program.name)
  const ready = Promise.withResolvers<string>()
  // A run that nobody asks for its readiness may still end early.
  ready.promise.catch(() => {})
  const ended: Promise<unknown>[] = []
  for (const stream of ['stdout', 'stderr'] as const) {
    const output = child[stream]
    if (output === null) continue
    const lines = createInterface({ input: output }).on('line', (line) => {
      program.onLine(line, stream)
      if (program.isReady(line)) ready.resolve(line)
    })
    ended.push(once(lines, 'close'))
  }
  const endedEarly = (why: string) =>
    ready.reject(new ProgramError(`${program.name} ended before it was ready (${why})`))
  exited.then(
    ({ code, signal }) => endedEarly(signal ?? `exit code ${code}`),
    (error: unknown) => ready.reject(error as Error),
  )
  const pid = child.pid
  if (pid === undefined) {
    await exited
    throw new ProgramError(`${program.name} could not be started`)
  }
  return {
    pid,
    ready: ready.promise,
    exited,
    outputEnded: Promise.all(ended),
    kill: (signal) => void child.kill(signal),
  }
}

/** Asks a run to stop, insists after `timeoutMs`, and returns when it is gone. */
export async function stop(run: Run, signal: NodeJS.Signals, timeoutMs: number): Promise<Exit> {
  run.kill(signal)
  const insist = setTimeout(() => run.kill('SIGKILL'), timeoutMs)
  try {
    return await run.exited
  } finally {
    clearTimeout(insist)
  }
}

/** Runs a command to its end and returns what it printed; rejects unless it exits with 0. */
export async function complete(name: string, command: Command): Promise<string> {
  const output: string[] = []
  const { exited, outputEnded } = await start({
    name,
    command: () => Promise.resolve(command),
    onLine: (line) => void output.push(line),
    isReady: () => false,
    stopSignal: 'SIGTERM',
  })
  const { code, signal } = await exited
  await outputEnded
  if (code === 0) return output.join('\n')
  throw new ProgramError(
    `${name} failed (${signal ?? `exit code ${code}`}): ${output.slice(-20).join('\n')}`,
  )
}

function execute(command: Command): ChildProcess {
  const { file, args, env, cwd, inherit = [], runAs, deathSignal, niceness = 0 } = command
  const identity = runAs ? [`--reuid=${runAs.uid}`, `--regid=${runAs.gid}`, '--clear-groups'] : []
  const inherited: number[] = []
  try {
    for (const path of inherit) inherited.push(openSync(path, 'r'))
    const options = [...identity, `--pdeathsig=${deathSignal}`, '--', file, ...args]
    const child = spawn(SETPRIV, options, {
      env: { ...env },
      cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', ...inherited],
    })
    if (niceness > 0 && child.pid !== undefined) setPriority(child.pid, niceness)
    return child
  } finally {
    for (const descriptor of inherited) closeSync(descriptor)
  }
}

function exitOf(child: ChildProcess, name: string): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', (cause) =>
      reject(
        new ProgramError(`${name} could not be started: is setpriv (util-linux) installed?`, {
          cause,
        }),
      ),
    )
  })
}
