/** A launcher in a process of its own, as `npm start` runs it, and what it printed. */
import { fileURLToPath } from 'node:url'
import { start, stop, type Exit } from '../../apps/local/program.ts'
import { until } from './until.ts'

const STOP_TIMEOUT_MS = 60_000

export type LogLine = Readonly<Record<string, unknown>>

export interface Launched extends AsyncDisposable {
  readonly pid: number
  readonly exited: Promise<Exit>
  readonly lines: readonly LogLine[]
  /** The launcher's own ready line. */
  ready(): Promise<LogLine>
  find(process: string, event: string): LogLine | undefined
  readonly kill: (signal: NodeJS.Signals) => void
}

export interface LaunchOptions {
  /** Relative to `test/support`. */
  readonly main?: string
  readonly home: string
  readonly env?: Readonly<Record<string, string>>
}

export const FAKE_PLATFORM = './fake-platform.ts'
const OUR_PLATFORM = '../../apps/local/main.ts'

export async function launchProcess(options: LaunchOptions): Promise<Launched> {
  const { main = OUR_PLATFORM, home, env = {} } = options
  const lines: LogLine[] = []
  const run = await start({
    name: 'launcher',
    stopSignal: 'SIGTERM',
    command: async () => ({
      file: process.execPath,
      args: [fileURLToPath(new URL(main, import.meta.url))],
      env: { ...process.env, NATS_URL: '', DATABASE_URL: '', PORT: '0', SLUICE_HOME: home, ...env },
      deathSignal: 'KILL',
    }),
    isReady: (line) => isOwnReady(parse(line)),
    onLine: (line) => void lines.push(parse(line)),
  })
  return {
    pid: run.pid,
    exited: run.exited,
    lines,
    ready: async () => {
      await run.ready
      return until(() => lines.find(isOwnReady))
    },
    find: (name, event) =>
      lines.findLast((line) => line['process'] === name && line['event'] === event),
    kill: run.kill,
    [Symbol.asyncDispose]: async () => void (await stop(run, 'SIGTERM', STOP_TIMEOUT_MS)),
  }
}

function isOwnReady(line: LogLine): boolean {
  return line['process'] === 'local' && line['event'] === 'ready'
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return { text }
  }
}
