/**
 * The connection to NATS: one per process, with what every process needs of it.
 *
 * Invariants:
 * 1. It reconnects for ever; a lost connection ends what waits on `rpc` at once.
 * 2. A server older than 2.12 is refused: it drops atomic batches and TTLs silently.
 */
import {
  jetstream,
  jetstreamManager,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { Rpc } from './rpc.ts'

const SERVER_VERSION_MIN = [2, 12] as const
const RECONNECT_WAIT_MS = 100
const PING_INTERVAL_MS = 10_000
/** A question that went down with the server is given up after so long, and asked again. */
const API_TIMEOUT_MS = 2_000

export class BusError extends Error {
  readonly code: 'SERVER_TOO_OLD' | 'STREAM_CONFIG_DROPPED'
  constructor(code: BusError['code'], message: string) {
    super(message)
    this.name = 'BusError'
    this.code = code
  }
}

export interface Bus extends AsyncDisposable {
  readonly nc: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
  readonly rpc: Rpc
  /** True between a lost connection and its return. */
  readonly disconnected: boolean
  /** Of the server that is, or was last, connected to; a server that restarts gets another one. */
  readonly serverId: string
  /**
   * Calls back after each reconnection, until the returned function is called; memory streams may be
   * gone by then.
   */
  onReconnect(callback: () => void): () => void
}

export interface BusOptions {
  readonly url: string
  /** Shown in the server's own lists of connections. */
  readonly name: string
  readonly onStatus: (status: 'disconnected' | 'reconnected' | 'closed') => void
}

export async function openBus({ url, name, onStatus }: BusOptions): Promise<Bus> {
  const nc = await connect({
    ...credentialsIn(url),
    name: `sluice-${name}`,
    noAsyncTraces: true,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_WAIT_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 2,
  })
  requireVersion(nc.info?.version ?? 'unknown')
  const rpc = new Rpc(nc)
  const reconnected = new Set<() => void>()
  let disconnected = false

  const watch = async () => {
    for await (const { type } of nc.status()) {
      if (type === 'disconnect') {
        disconnected = true
        rpc.disconnected()
        onStatus('disconnected')
      } else if (type === 'reconnect') {
        disconnected = false
        rpc.reconnected()
        onStatus('reconnected')
        for (const callback of [...reconnected]) callback()
      }
    }
    onStatus('closed')
  }
  const watching = watch()

  return {
    nc,
    rpc,
    js: jetstream(nc, { timeout: API_TIMEOUT_MS }),
    jsm: await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS }),
    get disconnected() {
      return disconnected
    },
    get serverId() {
      return nc.info?.server_id ?? ''
    },
    onReconnect(callback) {
      // A wrapper of its own, so that a callback given twice is called twice and released once.
      const own = () => callback()
      reconnected.add(own)
      return () => void reconnected.delete(own)
    },
    async [Symbol.asyncDispose]() {
      rpc.close()
      // A drain waits for the server; without one there is nothing left to flush.
      await (disconnected ? nc.close() : nc.drain())
      await watching
    },
  }
}

/** The client does not read credentials from a URL, but everybody writes them there. */
function credentialsIn(given: string) {
  const url = new URL(given.includes('://') ? given : `nats://${given}`)
  const user = decodeURIComponent(url.username)
  const pass = decodeURIComponent(url.password)
  const servers = url.host
  if (user === '') return { servers }
  return pass === '' ? { servers, token: user } : { servers, user, pass }
}

function requireVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [wantedMajor, wantedMinor] = SERVER_VERSION_MIN
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  throw new BusError(
    'SERVER_TOO_OLD',
    `nats-server ${version} is too old: Sluice needs ${SERVER_VERSION_MIN.join('.')} or newer, ` +
      'because older servers drop atomic batches and message TTLs without a word.',
  )
}
