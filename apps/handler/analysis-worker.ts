/** The thread of large analyses: takes a task, answers with what came of it or why nothing did. */
import { parentPort } from 'node:worker_threads'
import type { Answered } from './analyses.ts'
import { done, idOf, type Task } from './analysis-task.ts'

parentPort?.on('message', (task: Task) => {
  const id = idOf(task)
  let answer: Answered
  try {
    answer = { id, result: done(task) }
  } catch (error) {
    answer = { id, failure: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(answer)
})
