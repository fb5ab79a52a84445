/**
 * Applies a batch of the log to all read models, in one statement that also moves the checkpoint.
 *
 * Invariants:
 * 1. Exactly once: the batch and the checkpoint become true together or not at all, and only if the
 *    checkpoint stands where this writer believes it to be.
 * 2. A batch is collapsed to one change per row before it is sent.
 */
import { applyToKeys, insertKeys, noKeyChanges, touchKeys } from './api-keys.ts'
import { moveCheckpoint, MOVED, type Position } from './checkpoint.ts'
import {
  applyToChunkIndex,
  joinChunkIndex,
  leaveByThemselves,
  leaveDocuments,
  noChunkIndexChanges,
} from './chunk-index.ts'
import {
  applyToDocumentReports,
  upsertDocumentReports,
  type DocumentReportChanges,
} from './document-reports.ts'
import { countEnds } from './function-metrics.ts'
import { applyToVersions, insertVersions, type VersionChanges } from './function-versions.ts'
import {
  applyToFunctions,
  deleteFunctions,
  noFunctionChanges,
  upsertFunctions,
} from './functions.ts'
import { applyToJobs, CHANGED, upsertJobs, type JobChanges } from './jobs.ts'
import {
  applyToOptimizations,
  lapseInDocuments,
  lapseOfLoners,
  noOptimizationChanges,
  upsertOptimizations,
} from './optimizations.ts'
import type { Happening, Recorded } from './recorded.ts'
import { countExecutions } from './session-executions.ts'
import { applyToSessions, closeSessions, insertSessions, noSessionChanges } from './sessions.ts'
import { applyToSettlements, upsertSettlements, type SettlementChanges } from './settlements.ts'
import { statementOf, type Part } from './statement.ts'
import { applyToUsers, deleteUsers, upsertUsers, type UserTableChanges } from './users.ts'

/** A connection, as far as a batch needs one. */
export interface Connection {
  query(statement: { name: string; text: string; values: unknown[] }): Promise<{
    rows: unknown[]
  }>
}

/** Somebody else has moved the checkpoint. */
export class Fenced extends Error {
  readonly code = 'FENCED'
  constructor(at: Position) {
    super(`the checkpoint is no longer at ${at.events} of EVENTS and ${at.commands} of COMMANDS`)
    this.name = 'Fenced'
  }
}

/** Moves the checkpoint from `from` to `to`, applying `batch` on the way. Throws `Fenced`. */
export async function applyBatch(
  connection: Connection,
  from: Position,
  to: Position,
  batch: readonly Recorded[],
): Promise<void> {
  await applyParts(connection, from, to, partsOf(batch))
}

/** The same, with what the batch changes already put into words by `partsOf`. */
export async function applyParts(
  connection: Connection,
  from: Position,
  to: Position,
  parts: readonly Part[],
): Promise<void> {
  const statement = statementOf(
    [moveCheckpoint(from, to), ...parts],
    `select events_seq from ${MOVED}`,
  )
  const { rows } = await connection.query(statement)
  if (rows.length === 0) throw new Fenced(from)
}

export function partsOf(batch: readonly Recorded[]): Part[] {
  const jobs: JobChanges = new Map()
  const versions: VersionChanges = new Map()
  const users: UserTableChanges = new Map()
  const functions = noFunctionChanges()
  const sessions = noSessionChanges()
  const keys = noKeyChanges()
  const optimizations = noOptimizationChanges()
  const corpus = noChunkIndexChanges()
  const settlements: SettlementChanges = new Map()
  const reports: DocumentReportChanges = new Map()
  for (const { happening, at } of batch) {
    if (happening === undefined) continue
    if (isAbout('function', happening)) {
      applyToFunctions(functions, happening)
      applyToVersions(versions, happening)
    } else if (isAbout('session', happening)) applyToSessions(sessions, happening)
    else if (isAbout('user', happening)) applyToUsers(users, happening)
    else if (isAbout('key', happening)) applyToKeys(keys, happening)
    else if (isAbout('analysis', happening)) {
      applyToOptimizations(optimizations, happening)
      applyToDocumentReports(reports, happening)
      applyToChunkIndex(corpus, happening, dayOf(at))
    } else if (isAbout('optimization', happening)) applyToSettlements(settlements, happening)
    else applyToJobs(jobs, happening, dayOf(at))
  }
  return [
    ...(functions.defined.size > 0 ? [upsertFunctions(functions)] : []),
    ...(functions.deleted.size > 0 ? [deleteFunctions(functions)] : []),
    ...(versions.size > 0 ? [insertVersions(versions)] : []),
    ...(jobs.size > 0 ? [upsertJobs(jobs), countEnds(CHANGED)] : []),
    ...(sessions.initialized.size > 0 ? [insertSessions(sessions)] : []),
    ...(sessions.closed.size > 0 ? [closeSessions(sessions)] : []),
    ...(jobs.size > 0 ? [countExecutions(CHANGED)] : []),
    ...(users.size > 0 ? [upsertUsers(users), deleteUsers(users)] : []),
    ...(keys.made.size > 0 ? [insertKeys(keys)] : []),
    ...(keys.touched.size > 0 ? [touchKeys(keys)] : []),
    ...(optimizations.documents.size > 0 ? [lapseInDocuments(optimizations)] : []),
    ...(optimizations.loners.size > 0 ? [lapseOfLoners(optimizations)] : []),
    ...(optimizations.found.size > 0 ? [upsertOptimizations(optimizations)] : []),
    ...(corpus.documents.size > 0 ? [leaveDocuments(corpus)] : []),
    ...(corpus.loners.size > 0 ? [leaveByThemselves(corpus)] : []),
    ...(corpus.documents.size + corpus.loners.size > 0 ? [joinChunkIndex(corpus)] : []),
    ...(settlements.size > 0 ? [upsertSettlements(settlements)] : []),
    ...(reports.size > 0 ? [upsertDocumentReports(reports)] : []),
  ]
}

function isAbout<Name extends string>(
  name: Name,
  happening: Happening,
): happening is Extract<Happening, { type: `${Name}.${string}` }> {
  return happening.type.startsWith(`${name}.`)
}

const DAY_MS = 86_400_000
let lastDay = { number: Number.NaN, text: '' }

/** The day of the log's clock, in UTC. */
export function dayOf(at: number): string {
  const number = Math.floor(at / DAY_MS)
  if (number !== lastDay.number) {
    lastDay = { number, text: new Date(at).toISOString().slice(0, 10) }
  }
  return lastDay.text
}
