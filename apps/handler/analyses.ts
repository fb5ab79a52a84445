/**
 * Runs analyses: small ones at once, large ones in a thread of their own, so that the handler goes on
 * deciding meanwhile.
 *
 * Invariants:
 * 1. Every analysis ends: by its result, by an error, or by the end of its thread.
 * 2. A thread that breaks takes with it what it had in hand, and no more: the next analysis gets a
 *    new one. Its memory is bounded, so hostile input ends the thread and not the handler.
 */
import { Worker } from 'node:worker_threads'
import type { CompletedAnalysis } from '#events/chunks.ts'
import { completedAnalysis, type AnalysisRequest } from './analysis.ts'

/** About 20 ms of work. */
const LARGE_CHARACTERS = 128 * 1024
const THREAD_HEAP_MB = 1_024

export interface Asked {
  readonly id: number
  readonly request: AnalysisRequest
  readonly createdAt: string
}

export type Answered =
  | { readonly id: number; readonly analysis: CompletedAnalysis }
  | { readonly id: number; readonly failure: string }

type Waiting = PromiseWithResolvers<CompletedAnalysis>

export class Analyses implements AsyncDisposable {
  readonly #waiting = new Map<number, Waiting>()
  #thread: Worker | undefined
  #last = 0

  run(request: AnalysisRequest, createdAt: string): CompletedAnalysis | Promise<CompletedAnalysis> {
    if (!isLarge(request)) return completedAnalysis(request, createdAt)
    const id = ++this.#last
    const waiting = Promise.withResolvers<CompletedAnalysis>()
    this.#waiting.set(id, waiting)
    const asked: Asked = { id, request, createdAt }
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
  for (const { content } of chunks) characters += content.length
  return characters > LARGE_CHARACTERS
}
