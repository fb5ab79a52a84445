/**
 * The log: one JSON object a line. `event` names what happened in the past tense or as a state,
 * the other fields say to what: in camelCase where they are said, in snake_case on the line, as all
 * that leaves the house. Ids are `request_id`, `correlation_id` and `job_id` everywhere.
 * Source: "日志级别" and "日志格式" of the chunk API's document, with `process` and `event` beside them.
 */
import type { LogLevel } from './config.ts'

const RANK: Readonly<Record<LogLevel, number>> = {
  ...{ debug: 10, info: 20, warning: 30, error: 40, critical: 50 },
}

export type Fields = Readonly<Record<string, unknown>>

type Say = (event: string, fields?: Fields) => void

export interface Log {
  readonly debug: Say
  readonly info: Say
  readonly warn: Say
  readonly error: Say
  /** The process cannot go on. */
  readonly critical: Say
  /** At `info`, whatever the level: somebody waits for it, or will never be told again. */
  readonly announce: Say
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
  const at = (rank: LogLevel, isAlwaysSaid = false) => {
    if (RANK[rank] < RANK[level] && !isAlwaysSaid) return () => {}
    return (event: string, fields: Fields = {}) => {
      const timestamp = new Date().toISOString()
      const record = { timestamp, level: rank.toUpperCase(), process: name, event }
      const said = { message: event.replaceAll('_', ' '), ...bound, ...fields }
      write(`${JSON.stringify({ ...record, ...snakeCased(said), ...record }, plainError)}\n`)
    }
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warning'),
    error: at('error'),
    critical: at('critical'),
    announce: at('info', true),
    child: (fields) => createLog({ ...options, fields: { ...bound, ...fields } }),
  }
}

/** Names only: what a field holds is shown as it is. */
function snakeCased(fields: Fields): Fields {
  const named: Record<string, unknown> = {}
  for (const name in fields) {
    named[name.replace(/(?<=[a-z\d])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = fields[name]
  }
  return named
}

/** JSON.stringify shows an Error as `{}`; a log must show what went wrong, and why. */
function plainError(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (!(value instanceof Error)) return value
  const { name, message, stack, cause } = value
  const code = 'code' in value ? value.code : undefined
  return { name, message, code, stack, cause }
}
