/** What a fuzz run came to, for people. */
import type { FuzzReport } from './run.ts'

const SHOWN_MAX = 20
const KIND_LENGTH = 80

export function fuzzText({ seed, requests, seconds, statuses, violations }: FuzzReport): string {
  const width = Math.max(...[...statuses.keys()].map(({ length }) => length))
  const rows = [...statuses].map(([what, counts]) => {
    const sorted = [...counts].sort(([a], [b]) => a - b)
    return `  ${what.padEnd(width)}  ${sorted.map(([status, count]) => `${status} × ${count}`).join(', ')}`
  })
  // The same fault comes with many requests.
  const kinds = new Map(violations.map((violation) => [violation.slice(0, KIND_LENGTH), violation]))
  const shown = [...kinds.values()].slice(0, SHOWN_MAX).map((violation) => `  ${violation}`)
  return [
    `${requests} requests over ${statuses.size} operations in ${seconds.toFixed(0)} s, seed ${seed}`,
    ...rows.sort(),
    `${violations.length} violations of ${kinds.size} kinds`,
    ...shown,
  ].join('\n')
}
