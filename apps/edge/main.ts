/**
 * The edge: turns HTTP requests into commands and queries. It writes nowhere but to the log and
 * never runs user code. Start as many as there are cores to spare.
 */
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { sql } from 'kysely'
import { Appender } from '#events/jetstream/append.ts'
import { openIds } from '#events/jetstream/ids.ts'
import { laterMaxMs } from '#events/jetstream/later.ts'
import { openDatabase } from '#projections/database.ts'
import { connectBus } from '#runtime/bus.ts'
import { requireEntrance } from '#runtime/config-access.ts'
import { required } from '#runtime/config.ts'
import { runMain, type Main } from '#runtime/main.ts'
import { untilDone } from '#runtime/retry.ts'
import { whilePresent } from './access/api-keys.ts'
import { createGuard } from './access/guard.ts'
import { keyRings, staticKeyRing } from './access/static-key.ts'
import { createTokens } from './access/tokens.ts'
import { BegunJobs } from './jobs/begun-jobs.ts'
import { createAnalyses } from './chunks/analyses.ts'
import { Comparisons } from './chunks/comparisons.ts'
import { clientAddress } from './limits/client-address.ts'
import { createCommands } from './commands.ts'
import { ResultCache } from './cache/result-cache.ts'
import { CachedJobs } from './jobs/cached-jobs.ts'
import { CancelledWaits } from './jobs/cancelled-waits.ts'
import { DeadLetters } from './dead-letters/letters.ts'
import { createRedrive } from './dead-letters/redrive.ts'
import { mountDocuments } from './documents/mount.ts'
import { requireTold } from './documents/told-routes.ts'
import { Feed } from './feed/feed.ts'
import { openFront } from './front.ts'
import { createFunctionCommands } from './function-commands.ts'
import { Admission } from './http/admission.ts'
import { Router } from './http/exchange.ts'
import { KeyLog } from './idempotency/key-log.ts'
import { createOnce } from './idempotency/once.ts'
import { createCancelJob } from './jobs/job-commands.ts'
import { Invocations } from './jobs/invocations.ts'
import { openKnowledge } from './knowledge/knowledge.ts'
import { createLimiter, unlimited } from './limits/limiter.ts'
import { LogRoom } from './log-room.ts'
import { mountOperations } from './operations/mount.ts'
import { Queues } from './jobs/queues.ts'
import { Queries } from './queries.ts'
import { ReadModel } from '#runtime/read-model.ts'
import { RedisLink } from './redis.ts'
import { mountAccounts } from './surfaces/accounts/mount.ts'
import { mountChunks } from './surfaces/chunks/mount.ts'
import { mountEvents } from './surfaces/events/mount.ts'
import { functionsDialect } from './surfaces/functions/dialect.ts'
import { explainRoutes } from './surfaces/functions/explain.ts'
import { functionRoutes } from './surfaces/functions/functions.ts'
import { jobRoutes } from './surfaces/functions/jobs.ts'
import { mountGraphql } from './surfaces/graphql/mount.ts'
import { lambdaDialect } from './surfaces/lambda/dialect.ts'
import { mountLambda } from './surfaces/lambda/mount.ts'
import { openGrpc } from './surfaces/grpc/server.ts'
import { deadLetterRoutes } from './surfaces/operations/dead-letters.ts'
import { operationsDialect } from './surfaces/operations/dialect.ts'

/** A command that could not be stored for so long is answered with 503. */
const STORE_WITHIN_MS = 10_000
/** So many of the largest bodies an edge takes at once. */
const LARGE_BODIES = 8

await runMain('edge', serve)

async function serve(main: Main): Promise<void> {
  const { config, log, signal, stack } = main
  const { auth, maxBodyBytes, maxAnalysisBytes: maxLargeBodyBytes } = config
  requireEntrance(config)
  const connection = await connectBus('edge', main)
  const { bus, payloads, telemetry } = connection
  const database = stack.use(openDatabase({ url: required(config, 'databaseUrl'), name: 'edge' }))
  const { redisUrl } = config
  const redis =
    redisUrl === undefined ? undefined : stack.use(await RedisLink.open({ url: redisUrl, log }))
  const cache = new ResultCache({ redis, telemetry })
  const limiter = config.rateLimits === 'on' ? createLimiter({ redis }) : unlimited
  const readModel = stack.use(new ReadModel(bus))
  const newAppender = () => new Appender(bus.rpc, { giveUpAfterMs: STORE_WITHIN_MS })
  const room = stack.use(new LogRoom(bus, log))
  const knowledge = await openKnowledge(main, connection, { appender: newAppender(), room })
  const { presence, definitions, sessions, users, apiKeys, agreement } = knowledge
  const { apiKeyPepper: pepper, eventTtlDays: ttlDays } = config
  const openKind = (kind: 'function' | 'job') =>
    untilDone(() => openIds(bus.nc, kind), { what: 'ids', log, signal })
  const [functionIds, jobIds] = await Promise.all([openKind('function'), openKind('job')])
  const appender = newAppender()
  const cachedJobs = new CachedJobs({ payloads, appender: newAppender(), ttlDays, log })
  stack.defer(async () => void (await cachedJobs.settled()))
  const queries = new Queries(database.db, readModel, () => cachedJobs.settled())
  const begunJobs = new BegunJobs(queries)
  const cancelledWaits = stack.use(await CancelledWaits.open({ bus, log, signal }))
  const { queueDepth: maxDepth, functionConcurrency: concurrency } = config
  const queues = new Queues({ bus, maxDepth, concurrency })
  const invocations = new Invocations({
    ...{ bus, payloads, appender, jobIds, begunJobs, room, queues, cancelledWaits, log },
    ...{ ttlDays, cachedJobs },
  })
  const send = createCommands({ bus, payloads, appender, agreement, readModel, room })
  const sendFunction = createFunctionCommands({ bus, payloads, send })

  const app = new Hono<{ Bindings: HttpBindings }>()
  const admission = new Admission({
    maxRequests: config.maxConcurrentRequests,
    maxLargeBytes: LARGE_BODIES * maxLargeBodyBytes,
  })
  const dialect = functionsDialect
  const tokens = createTokens({ ...config, standing: users.standing })
  const guard = createGuard({
    ...{ auth, tokens, limiter },
    keys: keyRings(staticKeyRing(config.apiKey), whilePresent(apiKeys, agreement)),
    trustedProxies: config.trustedProxies,
  })
  const keys = new KeyLog({ bus, payloads, appender: newAppender() })
  const once = createOnce({ keys, room, pepper, log })
  const routing = {
    ...{ app, telemetry, log, admission, guard, once, stopping: signal },
    ...{ maxBodyBytes, maxLargeBodyBytes },
  }
  const router = new Router({ ...routing, dialect })
  functionRoutes(router, { send: sendFunction, queries, definitions, functionIds })
  const cancelJob = createCancelJob({ send, queries })
  jobRoutes(router, {
    ...{ definitions, agreement, invocations, begunJobs, cancelJob, queries },
    laterMaxMs: laterMaxMs(config.eventTtlDays),
  })
  explainRoutes(router, { bus, payloads, presence, queries, concurrency })
  router.close()
  const lambda = new Router({ ...routing, dialect: lambdaDialect })
  mountLambda(lambda, {
    ...{ bus, payloads, presence, definitions, agreement, sessions, queries, invocations },
    ...{ begunJobs, cache },
    ...{ send, telemetry, log, stack },
  })
  lambda.close()
  const analyses = createAnalyses({ bus, payloads, send })
  const comparisons = stack.use(new Comparisons())
  mountChunks(routing, { analyses, comparisons, send, queries })
  mountAccounts(routing, {
    ...{ bus, payloads, send, agreement, users, keys: apiKeys, queries, pepper, limiter, tokens },
    addressOf: (incoming) => clientAddress(incoming, config.trustedProxies),
  })
  const feed = stack.use(
    new Feed({
      ...{ bus, payloads, telemetry, log, stopping: signal },
      heartbeatMs: config.eventHeartbeatMs,
      seats: { max: config.maxEventReaders, maxPerOwner: config.maxEventReadersPerOwner },
    }),
  )
  mountEvents(routing, { feed, heartbeatMs: config.eventHeartbeatMs })
  mountGraphql(routing, { queries, feed })
  const operations = new Router({ ...routing, dialect: operationsDialect })
  const letters = new DeadLetters(bus, newAppender())
  const redrive = createRedrive({
    ...{ letters, payloads, appender, agreement, definitions, invocations, queries, jobIds },
  })
  deadLetterRoutes(operations, { letters, redrive, log })
  operations.close()
  mountDocuments(routing, { auth })
  mountOperations(app, {
    lambdaHosts: config.lambdaHosts,
    bus,
    telemetry,
    presence,
    probeDatabase: () => sql`select 1`.execute(database.db),
    probeRedis: redis && (() => redis.probe()),
    projected: () => new Map(Object.entries(readModel.positions)),
  })
  telemetry.gauge('sluice_http_requests_in_progress', 'Requests in progress.', () => [
    { value: admission.current },
  ])

  requireTold(app.routes)

  connection.announce(() => ({ known: agreement.positions }))
  await agreement.joined()
  const server = await openFront({ app, config, telemetry, log })
  const { host, grpcPort } = config
  const calls = { guard, admission, telemetry, log, analyses, comparisons, maxBodyBytes }
  const grpc =
    grpcPort === undefined ? grpcPort : await openGrpc({ ...calls, host, port: grpcPort })
  // Both at once: each may take all the time that there is.
  stack.defer(async () => {
    await Promise.all([server[Symbol.asyncDispose](), grpc?.[Symbol.asyncDispose]()])
  })
  const shown = host.includes(':') ? `[${host}]` : host
  log.announce('ready', {
    url: `http://${shown}:${server.port}`,
    ...(grpc !== undefined && { grpc: `${shown}:${grpc.port}` }),
    functions: definitions.size,
  })
}
