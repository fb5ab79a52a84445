/**
 * Runs analyses: small ones at once, large ones in a thread of their own, so that the handler goes on
 * deciding meanwhile.
 *
 * Invariants:
 * 1. Every analysis ends: by its result, by an error, or by the end of its thread.
 * 2. A thread that breaks takes with it what it had in hand, and no more: the next analysis gets a
 *    new one. Its memory is bounded, so hostile input ends the thread and not the handler.
 * 3. A command that is delivered again while its analysis is in progress waits for that one.
 */
import { Worker } from 'node:worker_threads'
import type { CompletedAnalysis } from '#events/chunks.ts'
import { completedAnalysis, type AnalysisRequest } from './analysis.ts'

/** About 20 ms of work. */
const LARGE_CHARACTERS = 128 * 1024
/** What a chunk costs beside its text, as if it were text. */
const CHUNK_CHARACTERS = 200
const THREAD_HEAP_MB = 1_024

export interface Asked {
  readonly request: AnalysisRequest
  readonly createdAt: string
}

export type Answered =
  | { readonly id: string; readonly analysis: CompletedAnalysis }
  | { readonly id: string; readonly failure: string }

type Waiting = PromiseWithResolvers<CompletedAnalysis>

export class Analyses implements AsyncDisposable {
  /** By the analysis's id. */
  readonly #waiting = new Map<string, Waiting>()
  #thread: Worker | undefined

  run(request: AnalysisRequest, createdAt: string): CompletedAnalysis | Promise<CompletedAnalysis> {
    if (!isLarge(request)) return completedAnalysis(request, createdAt)
    const { analysis_id } = request
    const before = this.#waiting.get(analysis_id)
    if (before !== undefined) return before.promise
    const waiting = Promise.withResolvers<CompletedAnalysis>()
    this.#waiting.set(analysis_id, waiting)
    const asked: Asked = { request, createdAt }
    this.#running().postMessage(asked)
    return waiting.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.terminate()
  }

  #running(): Worker {
    if (this.#thread !== undefined) return this.#thread
    const thread = new Worker(new URL('./analysis-worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB },
    })
    thread.unref()
    thread.on('message', (answer: Answered) => this.#answered(answer))
    thread.on('error', (error) => this.#ended(thread, error))
    thread.on('exit', () => this.#ended(thread, new Error('the thread of analyses has ended')))
    this.#thread = thread
    return thread
  }

  #answered(answer: Answered): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('analysis' in answer) waiting?.resolve(answer.analysis)
    else waiting?.reject(new Error(answer.failure))
  }

  #ended(thread: Worker, error: unknown): void {
    if (this.#thread !== thread) return
    this.#thread = undefined
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
  }
}

function isLarge({ chunks }: AnalysisRequest): boolean {
  let characters = 0
  for (const { content } of chunks) characters += content.length + CHUNK_CHARACTERS
  return characters > LARGE_CHARACTERS
}
