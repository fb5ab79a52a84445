/** What a chaos run found, for people: figures by part, then violations. */
import type { ChaosOptions } from './options.ts'
import type { Journal } from './journal.ts'
import { PARTS } from './parts.ts'
import type { JobFigures } from './verify-jobs.ts'

export interface Killed {
  readonly part: string
  readonly readyMs: number
  readonly servedMs: number | undefined
}

export interface ChaosReport {
  readonly options: ChaosOptions
  readonly seconds: number
  readonly kills: readonly Killed[]
  readonly journal: Journal
  readonly jobs: JobFigures | undefined
  /** Parts that ended without being killed, and why. */
  readonly ownEnds: readonly string[]
}

export function reportText(report: ChaosReport): string {
  const { options, seconds, kills, journal, jobs, ownEnds } = report
  const { seed, inFlight } = options
  const requests = [...journal.requests.values()].reduce((sum, count) => sum + count, 0)
  return [
    `chaos: seed ${seed}, ${kills.length} kills, ${inFlight} in flight, ${seconds} s`,
    '',
    row(['part', 'kills', 'ready p50', 'max', 'served p50', 'max']),
    ...PARTS.map((part) => partRow(part, kills)),
    '',
    `requests ${requests}: ${listed(journal.requests)}`,
    `answers: ${listed(journal.outcomes)}; stale ${journal.stale}`,
    `longest, ms: ${listed(journal.longestMs, Math.round)}`,
    `jobs: ${jobs === undefined ? 'not read' : listed(new Map(Object.entries(jobs)))}`,
    `functions: registered ${journal.functions.size}, ` +
      `uncertain names ${journal.uncertainNames.size}, of them taken ${journal.takenNames.size}`,
    `parts that ended by themselves: ${ownEnds.length}`,
    ...ownEnds.map((line) => `  ${line}`),
    `violations: ${journal.violations.length}`,
    ...journal.violations.map((violation) => `  ${violation}`),
    '',
  ].join('\n')
}

function partRow(part: string, kills: readonly Killed[]): string {
  const mine = kills.filter((kill) => kill.part === part)
  const readyMs = mine.map((kill) => kill.readyMs)
  const servedMs = mine.flatMap((kill) => kill.servedMs ?? [])
  return row([part, mine.length, middle(readyMs), most(readyMs), middle(servedMs), most(servedMs)])
}

const row = (cells: readonly (string | number)[]) =>
  cells.map((cell, index) => (index === 0 ? `${cell}`.padEnd(12) : `${cell}`.padStart(11))).join('')

function middle(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  return shown(sorted[Math.floor(sorted.length / 2)])
}

const most = (values: readonly number[]) =>
  shown(values.length === 0 ? undefined : Math.max(...values))

const shown = (ms: number | undefined) => (ms === undefined ? '-' : `${Math.round(ms)} ms`)

function listed(counts: ReadonlyMap<string, number>, show = (count: number) => count): string {
  return [...counts]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name} ${show(count)}`)
    .join(', ')
}
