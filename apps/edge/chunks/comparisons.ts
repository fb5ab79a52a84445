/**
 * How similar two texts are, whoever asks. Long ones are compared in a thread of their own, so that
 * the edge goes on answering meanwhile.
 * Source: section 5 of the chunk API's document.
 */
import { similarityOf, type Similarity } from '#domain/chunks/similarity.ts'
import { Thread } from '#runtime/thread.ts'
import { comparedIn, type Compared } from './compared.ts'

/** About 5 ms of work. */
const LONG_CHARACTERS = 32 * 1024

export class Comparisons implements AsyncDisposable {
  readonly #thread = new Thread<Compared, Similarity>(
    new URL('./comparison-worker.ts', import.meta.url),
  )

  /** Of the texts in a body. */
  of(body: unknown): Similarity | Promise<Similarity> {
    const texts = comparedIn(body)
    const { content1, content2, shingle_size } = texts
    if (content1.length + content2.length > LONG_CHARACTERS) return this.#thread.do(texts)
    return similarityOf(content1, content2, shingle_size)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread[Symbol.asyncDispose]()
  }
}
