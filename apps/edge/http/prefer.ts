/** The `Prefer` header of an invocation: `respond-async` and `wait=N` seconds. Source: RFC 7240. */
export interface Preference {
  readonly respondAsync: boolean
  /** Milliseconds; undefined: not asked for. */
  readonly waitMs: number | undefined
}

const NONE: Preference = { respondAsync: false, waitMs: undefined }
/** A longer wait is cut to this. */
const WAIT_MAX_S = 900

/** What is not understood is ignored, as the RFC wants it. The first of a kind counts. */
export function parsePrefer(header: string | undefined): Preference {
  if (header === undefined) return NONE
  let respondAsync = false
  let waitMs: number | undefined
  for (const part of header.split(/[,;]/)) {
    const [name = '', value] = part.split('=', 2).map((piece) => piece.trim().toLowerCase())
    if (name === 'respond-async') respondAsync = true
    if (name === 'wait' && waitMs === undefined) {
      const seconds = /^"?(\d{1,9})"?$/.exec(value ?? '')?.[1]
      if (seconds !== undefined) waitMs = Math.min(Number(seconds), WAIT_MAX_S) * 1_000
    }
  }
  return { respondAsync, waitMs }
}

/** For `Preference-Applied`. */
export function preferenceApplied({ respondAsync, waitMs }: Preference): string | undefined {
  const applied = [
    ...(respondAsync ? ['respond-async'] : []),
    ...(waitMs === undefined ? [] : [`wait=${waitMs / 1_000}`]),
  ]
  return applied.length === 0 ? undefined : applied.join(', ')
}
