/**
 * The log: one JSON object a line. `event` names what happened in the past tense or as a state,
 * the other fields say to what. Ids are `requestId`, `correlationId` and `jobId` everywhere.
 */
import type { LogLevel } from './config.ts'

const RANK: Readonly<Record<LogLevel, number>> = { debug: 10, info: 20, warn: 30, error: 40 }

export type Fields = Readonly<Record<string, unknown>>

type Say = (event: string, fields?: Fields) => void

export interface Log {
  readonly debug: Say
  readonly info: Say
  readonly warn: Say
  readonly error: Say
  readonly child: (fields: Fields) => Log
}

export interface LogOptions {
  readonly process: string
  readonly level: LogLevel
  /** Takes one finished line; stdout unless a test listens. */
  readonly write?: (line: string) => void
  readonly fields?: Fields
}

export function createLog(options: LogOptions): Log {
  const { process: name, level, fields: bound = {} } = options
  const write = options.write ?? ((line: string) => void process.stdout.write(line))
  const at = (rank: LogLevel) => {
    if (RANK[rank] < RANK[level]) return () => {}
    return (event: string, fields: Fields = {}) => {
      const record = { time: new Date().toISOString(), level: rank, process: name, event }
      write(`${JSON.stringify({ ...record, ...bound, ...fields, ...record }, plainError)}\n`)
    }
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => createLog({ ...options, fields: { ...bound, ...fields } }),
  }
}

/** JSON.stringify shows an Error as `{}`; a log must show what went wrong, and why. */
function plainError(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (!(value instanceof Error)) return value
  const { name, message, stack, cause } = value
  const code = 'code' in value ? value.code : undefined
  return { name, message, code, stack, cause }
}
