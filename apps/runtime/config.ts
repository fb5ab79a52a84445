/**
 * Configuration: environment variables, resolved once into a total, frozen value.
 *
 * Invariants:
 * 1. Nothing else in the house reads `process.env`.
 * 2. A missing or wrong value stops the start; the message names every way to set it.
 * 3. Empty counts as not given.
 */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { resolveAccess, type AccessConfig } from './config-access.ts'
import { ConfigError, integer, oneOf, text, type Env } from './config-values.ts'

export { ConfigError } from './config-values.ts'

const DEFAULT_PORT = 8000
/** The customary one, beside our own `DEFAULT_PORT`. */
const DEFAULT_GRPC_PORT = 50_051
const DEFAULT_HOST = '127.0.0.1'
const DEFAULT_HOME = '.sluice'
const LARGE_BODY_BYTES = 64 * 1024 ** 2
const DEFAULT_BODY_BYTES = 1024 * 1024
const DEFAULT_CONCURRENT_REQUESTS = 2_048
/** Retained sessions of one executor. */
const DEFAULT_EXECUTOR_SESSIONS = 1_024
/** Runs of one function that may be in flight over all executors. */
const DEFAULT_FUNCTION_CONCURRENCY = 64
/** Accepted jobs of one function that have not ended. */
const DEFAULT_QUEUE_DEPTH = 10_000
const DEFAULT_EVENT_TTL_DAYS = 30
/** Of one edge; what is left of its connections is for requests. */
const DEFAULT_EVENT_READERS = 8_000
const DEFAULT_EVENT_READERS_PER_OWNER = 4_000
/** Proxies cut what says nothing for 30 s or more. */
const DEFAULT_EVENT_HEARTBEAT_MS = 15_000
/** Ten million small jobs. The launcher sizes it by the volume of its own server instead. */
const DEFAULT_STREAM_BYTES = 8 * 1024 ** 3

const LOG_LEVELS = ['debug', 'info', 'warning', 'error', 'critical'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const SWITCH = ['on', 'off'] as const

export interface Config extends AccessConfig {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** gRPC; 0 picks a free one, undefined: it is off. */
  readonly grpcPort: number | undefined
  /** Absolute. Data of the embedded services and generated keys. */
  readonly home: string
  readonly natsUrl: string | undefined
  readonly databaseUrl: string | undefined
  /** Without it limits and cached results are each process's own. */
  readonly redisUrl: string | undefined
  readonly rateLimits: (typeof SWITCH)[number]
  /** Proxies in front of us whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: number
  readonly logLevel: LogLevel
  readonly maxBodyBytes: number
  readonly maxAnalysisBytes: number
  readonly maxConcurrentRequests: number
  /** Runs that one executor keeps in flight. */
  readonly executorConcurrency: number
  /** Retained sessions that one executor may hold, each with a process. */
  readonly executorSessions: number
  readonly functionConcurrency: number
  readonly queueDepth: number
  /** How long the log keeps what merely happened. */
  readonly eventTtlDays: number
  /** Readers of live events on this edge. */
  readonly maxEventReaders: number
  readonly maxEventReadersPerOwner: number
  readonly eventHeartbeatMs: number
  readonly maxStreamBytes: number
  readonly bwrapPath: string | undefined
  readonly pythonPath: string | undefined
  readonly rustcPath: string | undefined
}

export function resolveConfig(env: Env): Config {
  const host = text(env, 'HOST') ?? DEFAULT_HOST
  const port = integer(env, 'PORT', DEFAULT_PORT, 0, 65_535)
  return Object.freeze({
    ...resolveAccess(env, host),
    host,
    port,
    grpcPort: grpcPort(env, port),
    home: resolve(text(env, 'SLUICE_HOME') ?? DEFAULT_HOME),
    natsUrl: text(env, 'NATS_URL'),
    databaseUrl: text(env, 'DATABASE_URL'),
    redisUrl: redisUrl(env, 'REDIS_URL'),
    rateLimits: oneOf(env, 'RATE_LIMITS', SWITCH, 'on'),
    trustedProxies: integer(env, 'TRUSTED_PROXIES', 0, 0, 16),
    logLevel: oneOf(env, 'LOG_LEVEL', LOG_LEVELS, 'info'),
    maxBodyBytes: integer(env, 'MAX_BODY_BYTES', DEFAULT_BODY_BYTES, 1_024, LARGE_BODY_BYTES),
    maxAnalysisBytes: integer(env, 'MAX_ANALYSIS_BYTES', LARGE_BODY_BYTES, 1_024, LARGE_BODY_BYTES),
    maxConcurrentRequests: integer(
      env,
      'MAX_CONCURRENT_REQUESTS',
      DEFAULT_CONCURRENT_REQUESTS,
      1,
      100_000,
    ),
    executorConcurrency: integer(
      env,
      'EXECUTOR_CONCURRENCY',
      Math.max(4, 2 * availableParallelism()),
      1,
      1_024,
    ),
    executorSessions: integer(env, 'EXECUTOR_SESSIONS', DEFAULT_EXECUTOR_SESSIONS, 0, 100_000),
    functionConcurrency: integer(
      env,
      'FUNCTION_CONCURRENCY',
      DEFAULT_FUNCTION_CONCURRENCY,
      1,
      10_000,
    ),
    queueDepth: integer(env, 'QUEUE_DEPTH', DEFAULT_QUEUE_DEPTH, 1, 1_000_000),
    eventTtlDays: integer(env, 'EVENT_TTL_DAYS', DEFAULT_EVENT_TTL_DAYS, 1, 3_650),
    maxEventReaders: integer(env, 'MAX_EVENT_READERS', DEFAULT_EVENT_READERS, 1, 100_000),
    maxEventReadersPerOwner: integer(
      env,
      'MAX_EVENT_READERS_PER_OWNER',
      DEFAULT_EVENT_READERS_PER_OWNER,
      1,
      100_000,
    ),
    eventHeartbeatMs: integer(env, 'EVENT_HEARTBEAT_MS', DEFAULT_EVENT_HEARTBEAT_MS, 100, 300_000),
    maxStreamBytes: integer(env, 'MAX_STREAM_BYTES', DEFAULT_STREAM_BYTES, 1024 ** 2, 1024 ** 5),
    bwrapPath: text(env, 'SLUICE_BWRAP'),
    pythonPath: text(env, 'SLUICE_PYTHON'),
    rustcPath: text(env, 'SLUICE_RUSTC'),
  })
}

/** The URL that a process cannot live without. */
export function required(config: Config, key: 'natsUrl' | 'databaseUrl'): string {
  const value = config[key]
  if (value !== undefined) return value
  const name = key === 'natsUrl' ? 'NATS_URL' : 'DATABASE_URL'
  throw new ConfigError(
    `${name} is not set. Set it in the environment or in .env, or run everything with its own ` +
      'servers by `npm start`.',
  )
}

/** Whoever runs a second one beside the first has moved PORT: no fixed default may be in the way. */
function grpcPort(env: Env, port: number): number | undefined {
  if (text(env, 'GRPC_PORT') === 'off') return undefined
  return integer(env, 'GRPC_PORT', port === DEFAULT_PORT ? DEFAULT_GRPC_PORT : 0, 0, 65_535)
}

/** The value is not repeated: it may hold a password. */
function redisUrl(env: Env, name: string): string | undefined {
  const given = text(env, name)
  if (given === undefined) return undefined
  const { protocol, hostname, pathname } = URL.parse(given) ?? {}
  const isRedis = protocol === 'redis:' || protocol === 'rediss:'
  if (isRedis && hostname && /^(\/\d*)?$/.test(pathname ?? '')) return given
  throw new ConfigError(
    `${name} is not the address of a Redis: it must be redis://[user:password@]host[:port][/database], ` +
      'or rediss:// for TLS. Set it in the environment or in .env, or leave it out: then limits ' +
      'and cached results are not shared between processes.',
  )
}
