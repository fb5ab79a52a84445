/**
 * Runs analyses: small ones at once, large ones in a thread of their own, so that the handler goes on
 * deciding meanwhile.
 *
 * Invariant: a command that is delivered again while its analysis is in progress waits for that one.
 */
import type { Corpus } from '#domain/chunks/analysis.ts'
import { Thread } from '#runtime/thread.ts'
import type { AnalysisRequest } from './analysis.ts'
import { done, idOf, type Results, type Task } from './analysis-task.ts'

/** About 20 ms of work. */
const LARGE_CHARACTERS = 128 * 1024
/** What a chunk costs beside its text, as if it were text. */
const CHUNK_CHARACTERS = 200

export class Analyses implements AsyncDisposable {
  readonly #thread = new Thread<Task, Results[keyof Results]>(
    new URL('./analysis-worker.ts', import.meta.url),
  )
  /** By the task's id. */
  readonly #inProgress = new Map<string, Promise<Results[keyof Results]>>()

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
    const known = this.#inProgress.get(id)
    if (known !== undefined) return known as Promise<Result>
    const result = this.#thread.do(task).finally(() => this.#inProgress.delete(id))
    this.#inProgress.set(id, result)
    return result as Promise<Result>
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread[Symbol.asyncDispose]()
  }
}

function isLarge({ chunks }: AnalysisRequest): boolean {
  let characters = 0
  for (const { content } of chunks) characters += content.length + CHUNK_CHARACTERS
  return characters > LARGE_CHARACTERS
}
