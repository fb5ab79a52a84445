/** What a reader wants of the events that it may see. */
import type { ShownType } from '#events/shown.ts'
import { filters } from '#events/subjects.ts'
import type { ShownEvent } from './shown-event.ts'

/** Each member narrows it further; undefined: any. */
export interface Filter {
  readonly types?: ReadonlySet<ShownType> | undefined
  /** Of the aggregate, as the envelope's `subject` has it: a function's id, an analysis' id. */
  readonly keys?: ReadonlySet<string> | undefined
  readonly jobIds?: ReadonlySet<number> | undefined
}

export const EVERYTHING: Filter = Object.freeze({})

export function accepts({ types, keys, jobIds }: Filter, event: ShownEvent): boolean {
  if (types !== undefined && !types.has(event.type)) return false
  if (keys !== undefined && !keys.has(event.key)) return false
  return jobIds === undefined || (event.jobId !== undefined && jobIds.has(event.jobId))
}

/** The narrowest subject with all that a filter may accept: the server's index does the rest. */
export function subjectOf({ types, keys }: Filter): string {
  const parts = [...(types ?? [])].map((type) => type.split('.') as [string, string])
  const only = (values: readonly string[]) => (new Set(values).size === 1 ? values[0] : undefined)
  const [key = ''] = keys?.size === 1 ? keys : []
  return filters.eventsOf(
    only(parts.map(([aggregate]) => aggregate)),
    /^\d{1,15}$/.test(key) ? Number(key) : undefined,
    only(parts.map(([, fact]) => fact)),
  )
}
