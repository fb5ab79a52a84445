/**
 * One real server of a test: started once, killed and restarted by the test, gone with its scope.
 * (In `npm start` the supervisor restarts; here a test wants to see it dead.)
 */
import { start, stop, type Program, type Run } from '../../apps/local/program.ts'

const STOP_TIMEOUT_MS = 60_000

export class TestServer implements AsyncDisposable {
  readonly #program: Program
  #run: Run | undefined

  private constructor(program: Program) {
    this.#program = program
  }

  static async start(program: Program): Promise<TestServer> {
    const server = new TestServer(program)
    await server.restart()
    return server
  }

  get pid(): number | undefined {
    return this.#run?.pid
  }

  /** `kill -9`; returns when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** In order; returns when it is gone. */
  async stop(): Promise<void> {
    await this.#end(this.#program.stopSignal)
  }

  /** On the same port and data; returns when it serves. */
  async restart(): Promise<void> {
    await this.stop()
    const run = await start(this.#program)
    this.#run = run
    await run.ready
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const run = this.#run
    this.#run = undefined
    if (run !== undefined) await stop(run, signal, STOP_TIMEOUT_MS)
  }
}
