/** The `X-Cache-Control` header. Source: section 8 of the lambda API document. */
import { Problem } from '#domain/problem.ts'

const DEFAULT_AGE_S = 3_600
const AGE_MAX_S = 86_400
const HEADER = 'X-Cache-Control'

export interface CacheControl {
  /** Take no result from before; keep the new one. */
  readonly noCache: boolean
  /** How old a result may be, and how long the new one is kept. */
  readonly maxAgeS: number
}

const DEFAULT: CacheControl = { noCache: false, maxAgeS: DEFAULT_AGE_S }

/** `no-cache`, `max-age=N`, or both; each once. */
export function parseCacheControl(header: string | undefined): CacheControl {
  if (header === undefined) return DEFAULT
  let noCache = false
  let maxAgeS: number | undefined
  for (const part of header.split(',').map((piece) => piece.trim().toLowerCase())) {
    const ageS = Number(/^max-age=(\d{1,5})$/.exec(part)?.[1])
    if (part === 'no-cache' && !noCache) noCache = true
    else if (maxAgeS === undefined && ageS <= AGE_MAX_S) maxAgeS = ageS
    else throw malformed()
  }
  return { noCache, maxAgeS: maxAgeS ?? DEFAULT_AGE_S }
}

function malformed(): Problem {
  return new Problem(
    'INVALID_REQUEST',
    `${HEADER} must be no-cache or max-age=N with N from 0 to ${AGE_MAX_S}.`,
    { field: HEADER },
  )
}
