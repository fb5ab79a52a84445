/** The log of a server in a test: only what went wrong is worth a line. */
import { createLog, type Log } from '#runtime/log.ts'

export function quietLog(name: string): Log {
  const log = createLog({ process: name, level: 'error' })
  return { ...log, announce: log.debug }
}
