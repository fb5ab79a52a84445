/**
 * A program from its authors' own release: fetched over HTTPS, checked against a pinned SHA-256
 * before anything of it is unpacked.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { Agent, get, type RequestOptions } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Env } from './ladder.ts'

const run = promisify(execFile)
const CONNECT_TIMEOUT_MS = 2_000
const STALL_TIMEOUT_MS = 10_000
const MAX_REDIRECTS = 5
const MAX_BYTES = 64 * 1024 ** 2

export interface Release {
  readonly url: string
  readonly sha256: string
  /** The archive's path of the executable, which ends up alone in the directory. */
  readonly member: string
}

export async function downloadRelease(
  { url, sha256, member }: Release,
  directory: string,
  env: Env,
): Promise<void> {
  const archive = await download(url, env)
  const actual = createHash('sha256').update(archive).digest('hex')
  if (actual !== sha256) throw new Error(`${url} has SHA-256 ${actual}, not the pinned ${sha256}`)
  const file = join(directory, 'release.tar.gz')
  await writeFile(file, archive)
  await run('tar', ['-xzf', file, '-C', directory, '--strip-components=1', member])
  await rm(file)
  await chmod(join(directory, member.slice(member.indexOf('/') + 1)), 0o755)
}

async function download(url: string, env: Env): Promise<Buffer> {
  // The proxies of the environment count, as they do for every other client on the machine.
  const agent = new Agent({ proxyEnv: env, timeout: STALL_TIMEOUT_MS })
  try {
    let target = url
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await request(target, { agent })
      const { statusCode = 0, headers } = response
      if (statusCode === 200) return await bodyOf(response)
      response.destroy()
      if (statusCode < 300 || statusCode >= 400 || headers.location === undefined) {
        throw new Error(`${target} answered ${statusCode}`)
      }
      target = new URL(headers.location, target).href
      if (!target.startsWith('https:')) throw new Error(`${url} leads to ${target}, without TLS`)
    }
    throw new Error(`${url} redirects more than ${MAX_REDIRECTS} times`)
  } finally {
    agent.destroy()
  }
}

function request(url: string, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = get(url, options, resolve)
    const unreachable = setTimeout(() => {
      outgoing.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`))
    }, CONNECT_TIMEOUT_MS)
    outgoing.once('socket', (socket) => {
      socket.once('secureConnect', () => clearTimeout(unreachable))
      socket.once('timeout', () => outgoing.destroy(new Error('the download stalled')))
    })
    outgoing.once('close', () => clearTimeout(unreachable))
    outgoing.once('error', reject)
  })
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`the download is larger than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
