/** The routes that stand outside the table of access: `mount.ts` answers each of them. */
export const PLAIN_ROUTES = ['GET /health', 'GET /ready', 'GET /metrics', 'GET /metrics/'] as const
export type PlainRoute = (typeof PLAIN_ROUTES)[number]
