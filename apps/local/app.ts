/** One of our own processes, as a program of the launcher. Its log lines are passed on as they are. */
import { fileURLToPath } from 'node:url'
import type { Log } from '#runtime/log.ts'
import { withoutCredentials } from './credentials.ts'
import { READ_SIDE_NICENESS, type Program } from './program.ts'

const APPS = ['edge', 'handler', 'executor', 'projector'] as const
/** They let people in, and make the first of them. */
const TRUSTED: ReadonlySet<string> = new Set(['edge', 'handler'])

export interface AppOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Log
  /** Takes each line of the app's own log. */
  readonly forward: (line: string) => void
}

export function ourApps(options: AppOptions): Program[] {
  return APPS.map((name) => app(name, options))
}

function app(name: (typeof APPS)[number], { env, log, forward }: AppOptions): Program {
  return {
    name,
    stopSignal: 'SIGTERM',
    command: async () => ({
      file: process.execPath,
      args: [fileURLToPath(new URL(`../${name}/main.ts`, import.meta.url))],
      env: TRUSTED.has(name) ? env : withoutCredentials(env),
      deathSignal: 'KILL',
      niceness: name === 'projector' ? READ_SIDE_NICENESS : 0,
    }),
    isReady: (line) => readyUrl(line) !== undefined,
    onLine: (line, stream) => {
      // What Node itself prints, a warning or a last stack, is no log line yet.
      if (stream === 'stdout' && line.startsWith('{')) forward(line)
      else log.warn('part_output', { part: name, text: line })
    },
  }
}

/** The `url` of a ready line, empty if it names none; undefined for any other line. */
export function readyUrl(line: string): string | undefined {
  if (!line.includes('"ready"')) return undefined
  try {
    const { event, url } = JSON.parse(line) as { event?: unknown; url?: unknown }
    if (event !== 'ready') return undefined
    return typeof url === 'string' ? url : ''
  } catch {
    return undefined
  }
}
