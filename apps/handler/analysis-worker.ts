/** The thread of large analyses: takes a request, answers with what was found or why not. */
import { parentPort } from 'node:worker_threads'
import { completedAnalysis } from './analysis.ts'
import type { Answered, Asked } from './analyses.ts'

parentPort?.on('message', ({ request, createdAt }: Asked) => {
  const id = request.analysis_id
  let answer: Answered
  try {
    answer = { id, analysis: completedAnalysis(request, createdAt) }
  } catch (error) {
    answer = { id, failure: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(answer)
})
