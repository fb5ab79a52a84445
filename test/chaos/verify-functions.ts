/**
 * Holds functions and their names against what the journal was told.
 *
 * Checked:
 * 1. What was registered or changed with a 2xx is in the log and in the list, at that version or a
 *    later one; what was deleted with a 204 is gone.
 * 2. A name is claimed by the living function that bears it, and by nothing else; a name that a 409
 *    called taken is really borne.
 */
import type { Journal } from './journal.ts'
import type { LogTruth } from './log-truth.ts'
import type { Stored } from './stored.ts'

export function verifyFunctions(journal: Journal, log: LogTruth, stored: Stored): void {
  const violate = (what: string) => journal.violate(what)
  for (const { functionId, name, version, deletion } of journal.functions.values()) {
    const logged = log.functions.get(functionId)
    if (logged === undefined || logged.version < version || logged.name !== name) {
      violate(
        `function ${functionId} version ${version} was acknowledged, the log has ${json(logged)}`,
      )
    }
    if (deletion === 'deleted' && logged?.deleted !== true) {
      violate(`function ${functionId} was deleted and lives on in the log`)
    }
    if (deletion === 'none' && logged?.deleted === true) {
      violate(`function ${functionId} was never asked to be deleted and is`)
    }
  }
  for (const [id, { deleted, name, version }] of log.functions) {
    const shown = stored.functions.get(id)
    if (deleted !== (shown === undefined)) {
      violate(`function ${id} is ${deleted ? 'deleted' : 'living'}, the list shows ${json(shown)}`)
    }
    if (shown !== undefined && (shown.name !== name || shown.version !== version)) {
      violate(`function ${id} is ${name} version ${version}, the list shows ${json(shown)}`)
    }
    if (!deleted && log.names.get(name) !== id) {
      violate(`function ${id} bears the name ${name}, which ${log.names.get(name)} holds`)
    }
  }
  for (const [name, id] of log.names) {
    const holder = log.functions.get(id)
    if (holder === undefined || holder.deleted || holder.name !== name) {
      violate(`the name ${name} is held by function ${id}, which is ${json(holder)}`)
    }
  }
  for (const name of journal.takenNames) {
    const borne = [...log.functions.values()].some((logged) => logged.name === name)
    if (!borne) violate(`the name ${name} was called taken, and nothing ever bore it`)
  }
}

const json = (value: unknown) => JSON.stringify(value)
