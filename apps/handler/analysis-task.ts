/** What an analysis takes of computing, on whatever thread. */
import type { Corpus } from '#domain/chunks/analysis.ts'
import type { CompletedAnalysis } from '#events/analyses.ts'
import { completedAnalysis, type AnalysisRequest } from './analysis.ts'
import { probesOf, type Probes } from './fingerprints.ts'

export type Task =
  | {
      readonly wants: 'analysis'
      readonly request: AnalysisRequest
      readonly createdAt: string
      readonly corpus: Corpus | undefined
    }
  /** By which the corpus is searched before. */
  | { readonly wants: 'probes'; readonly request: AnalysisRequest }

export interface Results {
  readonly analysis: CompletedAnalysis
  readonly probes: Probes
}

export const idOf = ({ wants, request }: Task) => `${wants}:${request.analysis_id}`

export function done(task: Task): Results[Task['wants']] {
  if (task.wants === 'probes') return probesOf(task.request)
  return completedAnalysis(task.request, task.createdAt, task.corpus)
}
