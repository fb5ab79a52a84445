/** The thread in which long texts are compared. */
import { similarityOf, type Similarity } from '#domain/chunks/similarity.ts'
import { serveThread } from '#runtime/thread.ts'
import type { Compared } from './compared.ts'

serveThread(({ content1, content2, shingle_size }: Compared): Similarity =>
  similarityOf(content1, content2, shingle_size),
)
