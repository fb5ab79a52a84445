/**
 * A free port on loopback, for a server that must come back on the same one.
 *
 * It lies below the range that the kernel hands to outgoing connections: while a killed server is
 * away, no client of anybody can be given its port.
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

const LOWEST = 20_000
const ABOVE_HIGHEST = 32_000
const ATTEMPTS = 50
const LOOPBACK = '127.0.0.1'

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(LOWEST, ABOVE_HIGHEST)
    if (await isFree(port, LOOPBACK)) return port
  }
  throw new Error(`no free port from ${LOWEST} to ${ABOVE_HIGHEST - 1} in ${ATTEMPTS} attempts`)
}

export function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host, exclusive: true }, () => {
      probe.close(() => resolve(true))
    })
  })
}
