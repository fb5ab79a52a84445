/**
 * What a route that is going away says with each of its answers.
 * Source: "版本控制" of the chunk API's document (`X-API-Deprecated`), RFC 9745 (`Deprecation`) and
 * RFC 8594 (`Sunset`).
 */

export interface Deprecated {
  /** ISO 8601: since when it is told. */
  readonly since: string
  /** ISO 8601: when it goes; by its document not before `NOTICE_DAYS` have passed. */
  readonly sunset: string
  /** Where to read what takes its place. */
  readonly successor?: string
}

/** Three months, at their longest. */
export const NOTICE_DAYS = 92
const DAY_MS = 86_400_000

export function deprecationHeaders({ since, sunset, successor }: Deprecated) {
  const [from, until] = [Date.parse(since), Date.parse(sunset)]
  if (!(until - from >= NOTICE_DAYS * DAY_MS)) {
    throw new Error(`a route may not go on ${sunset} when that was first told on ${since}`)
  }
  return {
    'x-api-deprecated': 'true',
    deprecation: `@${Math.floor(from / 1_000)}`,
    sunset: new Date(until).toUTCString(),
    ...(successor !== undefined && { link: `<${successor}>; rel="successor-version"` }),
  }
}
