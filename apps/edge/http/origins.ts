/** Which pages may ask: those of the configured origins, and of loopback where nobody needs credentials. */

export const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i
const ORIGIN = /^https?:\/\/(?<name>[^/:[\]]+|\[[\da-f:]+\])(?::\d{1,5})?$/i

/** By the header's exact text; `null` is nobody. */
export type Origins = (origin: string) => boolean

export interface OriginsOptions {
  readonly configured: readonly string[]
  readonly loopback: boolean
}

export function createOrigins({ configured, loopback }: OriginsOptions): Origins {
  const exact = new Set(configured)
  return (origin) => exact.has(origin) || (loopback && isLoopback(origin))
}

function isLoopback(origin: string): boolean {
  return LOOPBACK.test(ORIGIN.exec(origin)?.groups?.['name'] ?? '')
}
