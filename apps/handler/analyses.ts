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
import type { Corpus } from '#domain/chunks/analysis.ts'
import type { AnalysisRequest } from './analysis.ts'
import { done, idOf, type Results, type Task } from './analysis-task.ts'

/** About 20 ms of work. */
const LARGE_CHARACTERS = 128 * 1024
/** What a chunk costs beside its text, as if it were text. */
const CHUNK_CHARACTERS = 200
const THREAD_HEAP_MB = 1_024

export type Answered =
  | { readonly id: string; readonly result: Results[keyof Results] }
  | { readonly id: string; readonly failure: string }

type Waiting = PromiseWithResolvers<Results[keyof Results]>

export class Analyses implements AsyncDisposable {
  /** By the task's id. */
  readonly #waiting = new Map<string, Waiting>()
  #thread: Worker | undefined

  run(
    request: AnalysisRequest,
    createdAt: string,
    corpus?: Corpus,
  ): Results['analysis'] | Promise<Results['analysis']> {
    return this.#do({ wants: 'analysis', request, createdAt, corpus })
  }

  probes(request: AnalysisRequest): Results['probes'] | Promise<Results['probes']> {
    return this.#do({ wants: 'probes', request })
  }

  #do<Result extends Results[keyof Results]>(task: Task): Result | Promise<Result> {
    if (!isLarge(task.request)) return done(task) as Result
    const id = idOf(task)
    const waiting: Waiting = this.#waiting.get(id) ?? Promise.withResolvers()
    if (!this.#waiting.has(id)) {
      this.#waiting.set(id, waiting)
      this.#running().postMessage(task)
    }
    return waiting.promise as Promise<Result>
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
    if ('result' in answer) waiting?.resolve(answer.result)
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
