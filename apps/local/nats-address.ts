/**
 * Where the embedded NATS server is, for programs of others: a file of the home that only its owner
 * reads. The port stays the same from start to start as long as nobody else has taken it, so that
 * those who read the events find the server again.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, isFree } from './free-port.ts'

const FILE = 'nats.url'

export async function keptNatsPort(home: string): Promise<number> {
  const last = portIn(await readFile(join(home, FILE), 'utf8').catch(() => ''))
  return last !== undefined && (await isFree(last, '127.0.0.1')) ? last : freePort()
}

export async function tellNatsUrl(home: string, url: string): Promise<void> {
  const path = join(home, FILE)
  await writeFile(`${path}.new`, `${url}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}

function portIn(told: string): number | undefined {
  const port = /:(\d{1,5})\s*$/.exec(told)?.[1]
  return port === undefined ? undefined : Number(port)
}
