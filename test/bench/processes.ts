/** Processes that a measurement needs beside itself, so that it does not measure its own waiting. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LoadOptions, LoadResult } from './load.ts'

const run = promisify(execFile)
const here = import.meta.dirname

export async function load(options: LoadOptions): Promise<LoadResult> {
  const { stdout } = await run(process.execPath, [join(here, 'load.ts'), JSON.stringify(options)])
  return JSON.parse(stdout) as LoadResult
}

export interface BareServer extends AsyncDisposable {
  readonly url: string
}

/** A `node:http` server that reads a JSON body, parses it and sends it back: the floor of HTTP. */
export async function startBareHttp(): Promise<BareServer> {
  const child = spawn(process.execPath, [join(here, 'bare-http.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    url: `http://127.0.0.1:${line.toString().trim()}/`,
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}
