/** The thread of large analyses. */
import { serveThread } from '#runtime/thread.ts'
import { done } from './analysis-task.ts'

serveThread(done)
