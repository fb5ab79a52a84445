/**
 * A thread beside the process's own, for work that would keep it from everything else. The other end
 * is `serveThread`.
 *
 * Invariants:
 * 1. Every task ends: by its result, by an error, or by the end of its thread. One at a time, in the
 *    order of asking.
 * 2. Memory is bounded, so hostile input ends the thread and not the process. What takes more than
 *    there is would take it again: it is refused (`Problem`), not to be tried again.
 * 3. A thread that ends takes with it the task that it had in hand, and no other: those behind it go
 *    to a new one.
 */
import { parentPort, Worker } from 'node:worker_threads'
import { Problem } from '#domain/problem.ts'

const HEAP_MB = 1_024

interface Asked<Task, Result> {
  readonly task: Task
  readonly ended: PromiseWithResolvers<Result>
}

type Told<Result> =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: unknown }

export class Thread<Task, Result> implements AsyncDisposable {
  readonly #program: URL
  readonly #heapMb: number
  /** By their number, the one in hand first. */
  readonly #asked = new Map<number, Asked<Task, Result>>()
  #worker: Worker | undefined
  #last = 0

  constructor(program: URL, heapMb = HEAP_MB) {
    this.#program = program
    this.#heapMb = heapMb
  }

  do(task: Task): Promise<Result> {
    const id = ++this.#last
    const ended = Promise.withResolvers<Result>()
    this.#asked.set(id, { task, ended })
    this.#running().postMessage({ id, task })
    return ended.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    for (const { ended } of this.#asked.values()) ended.reject(new Error('the thread was stopped'))
    this.#asked.clear()
    await worker?.terminate()
  }

  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(this.#program, {
      resourceLimits: { maxOldGenerationSizeMb: this.#heapMb },
    })
    worker.unref()
    worker.on('message', (told: Told<Result>) => this.#told(told))
    worker.on('error', (error) => this.#gone(worker, error))
    worker.on('exit', () => this.#gone(worker, new Error('the thread has ended')))
    this.#worker = worker
    return worker
  }

  #told(told: Told<Result>): void {
    const asked = this.#asked.get(told.id)
    this.#asked.delete(told.id)
    if ('result' in told) asked?.ended.resolve(told.result)
    else asked?.ended.reject(refusalOf(told.error))
  }

  #gone(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const [inHand, ...behind] = this.#asked
    if (inHand === undefined) return
    this.#asked.delete(inHand[0])
    inHand[1].ended.reject(refusalOf(error))
    for (const [id, { task }] of behind) this.#running().postMessage({ id, task })
  }
}

/** Of memory, of stack, of what a string can hold. */
const isTooMuch = (error: unknown) =>
  error instanceof RangeError ||
  (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY')

function refusalOf(error: unknown): unknown {
  if (!isTooMuch(error)) return error
  const message = 'There is more to be done than there is memory for one request.'
  return new Problem('PAYLOAD_TOO_LARGE', message, undefined, { cause: error })
}

/** In the thread: does each task. */
export function serveThread<Task, Result>(done: (task: Task) => Result): void {
  parentPort?.on('message', ({ id, task }: { id: number; task: Task }) => {
    let told: Told<Result>
    try {
      told = { id, result: done(task) }
    } catch (error) {
      told = { id, error }
    }
    parentPort?.postMessage(told)
  })
}
