/**
 * What is asked of chunks, done: search the corpus → analyse → look up what was settled → append.
 *
 * Invariants:
 * 1. One analysis is one event, whatever its size; a large one lies in the object store.
 * 2. A command that comes again gives the same ids and says the same event: the log drops the
 *    repeat, and the answer is the first one.
 */
import {
  chunkMessageId,
  type AnalysisCompleted,
  type CompletedAnalysis,
  type RunAnalysis,
} from '#events/analyses.ts'
import { causedBy, envelope } from '#events/envelope.ts'
import type { Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import type { DecidedReply } from '#events/replies.ts'
import { subjects } from '#events/subjects.ts'
import { settledAmong } from '#projections/settlements.ts'
import { reported, settled } from './analysis.ts'
import type { Analyses } from './analyses.ts'
import { SOURCE, type Aggregate, type Command } from './commands.ts'
import { searchCorpus, type CorpusSearchOptions } from './corpus-search.ts'

export interface AnalysisCommandsOptions extends CorpusSearchOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly appender: Appender
  readonly analyses: Analyses
  /** How long the log keeps what was analysed. */
  readonly ttlDays: number
}

export function analysisCommands(options: AnalysisCommandsOptions): Aggregate<RunAnalysis> {
  return { isCommand: isAnalysis, act: (command) => act(command, options) }
}

function isAnalysis(command: Command): command is RunAnalysis {
  const { data } = command as RunAnalysis
  return (
    command.type === 'analysis.run' &&
    [data.analysis_id, data.owner, data.name].every((one) => typeof one === 'string') &&
    ['chunk', 'document', 'batch'].includes(data.kind) &&
    typeof data.options === 'object' &&
    Array.isArray(data.chunks)
  )
}

async function act(
  command: RunAnalysis,
  options: AnalysisCommandsOptions,
): Promise<DecidedReply<Answered>> {
  const { bus, payloads, appender, db, ttlDays } = options
  const time = new Date().toISOString()
  const found = await analysed(command, time, options)
  const ids = found.chunks.flatMap(({ optimizations }) => optimizations.map(({ id }) => id))
  const data = reported(settled(found, await settledAmong(db, ids)))
  const { analysis_id, kind } = data
  const saying = { source: SOURCE, time, cause: causedBy(command) }
  const id = chunkMessageId.completed(analysis_id)
  const event = envelope(saying, { id, type: 'analysis.completed', subject: analysis_id, data })
  const sealed = await payloads.seal(event, 'as-long-as-the-log')
  const subject = subjects.analysisCompleted(kind)
  const { seq, duplicate } = await appender.append({
    ...sealed,
    subject,
    id,
    ttlDays,
  })
  if (!duplicate) return { seq, data: answered(data) }
  const first = await readEvent<AnalysisCompleted>(bus, payloads, { seq })
  return { seq, data: answered(first?.event.data ?? data) }
}

type Answered = Omit<CompletedAnalysis, 'fingerprints'> & { readonly fingerprints: undefined }

/** Whoever asked has no use for what the index is made from. */
const answered = (all: CompletedAnalysis): Answered => ({ ...all, fingerprints: undefined })

async function analysed(
  { data: request }: RunAnalysis,
  time: string,
  { analyses, ...where }: AnalysisCommandsOptions,
): Promise<CompletedAnalysis> {
  if (request.options.scope !== 'corpus') return analyses.run(request, time)
  const probes = await analyses.probes(request)
  const { corpus, search } = await searchCorpus(where, request, probes)
  const analysis = await analyses.run(request, time, corpus)
  return { ...analysis, corpus: search, truncated: analysis.truncated || search.truncated }
}
