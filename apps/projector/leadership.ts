/**
 * One leader among any number of projectors: whoever holds the advisory lock.
 *
 * Invariants:
 * 1. The lock and the batches share one connection: who loses the lock can no longer write.
 * 2. Waiting is the database's: a standby takes over the moment the leader's session ends.
 * 3. A leader whose machine vanished loses its session by keep-alive, within about ten seconds.
 */
import type { Client } from 'pg'
import { newClient } from '#projections/database.ts'

/** "sluice", any number that nobody else locks. */
const LOCK = 0x736c75
const STATEMENT_TIMEOUT_MS = 20_000
/** Of a server that does not answer at all. */
export const ANSWER_TIMEOUT_MS = 25_000

export interface Leadership extends AsyncDisposable {
  readonly client: Client
  /** Aborts when the connection, and with it the lock, is gone. */
  readonly lost: AbortSignal
}

export interface LeadershipOptions {
  readonly url: string
  readonly name: string
  readonly signal: AbortSignal
  /** Somebody else leads; the promise stays pending until they end. */
  readonly onStandby: () => void
}

export async function lead(options: LeadershipOptions): Promise<Leadership> {
  const { url, name, signal, onStandby } = options
  signal.throwIfAborted()
  const client = newClient({ url, name })
  const gone = new AbortController()
  client.on('error', () => gone.abort())
  client.on('end', () => gone.abort())
  // Ends also a wait for the lock: `end` does not wait for a query that is under way.
  const end = () => client.end().catch(() => undefined)
  const giveUp = () => {
    gone.abort()
    end().catch(() => undefined)
  }
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    await client.connect()
    // A standby that is killed while it waits must not be given the lock later.
    await client.query(`set client_connection_check_interval = '2s'`)
    await client.query(
      `set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 2`,
    )
    const { rows } = await client.query<{ locked: boolean }>(
      `select pg_try_advisory_lock(${LOCK}) as locked`,
    )
    if (rows[0]?.locked !== true) {
      onStandby()
      await client.query(`select pg_advisory_lock(${LOCK})`)
    }
    await client.query(`set statement_timeout = ${STATEMENT_TIMEOUT_MS}`)
    signal.throwIfAborted()
  } catch (error) {
    await end()
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
  return { client, lost: gone.signal, [Symbol.asyncDispose]: end }
}
