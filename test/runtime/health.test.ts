import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Hono } from 'hono'
import { Pool } from 'pg'
import { createHealth } from '../../apps/edge/operations/health.ts'
import { mountOperations } from '../../apps/edge/operations/mount.ts'
import { ABANDON_AFTER_MS } from '../../apps/edge/operations/probe.ts'
import type { Health } from '../../apps/edge/operations/schemas.ts'
import { RedisLink } from '../../apps/edge/redis.ts'
import { openBus, type Bus } from '#events/jetstream/bus.ts'
import { ensureDurable, ensureStreams } from '#events/jetstream/ensure.ts'
import { COMMANDS, EVENTS, functionDurable } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { announcePresence, watchPresence, type PresenceWatch } from '#runtime/presence.ts'
import { createTelemetry } from '#runtime/telemetry.ts'
import { startNats, type TestNats } from '#test/support/nats.ts'
import { quietLog } from '#test/support/quiet-log.ts'
import { startPostgres } from '#test/support/postgres.ts'
import { startRedis } from '#test/support/redis.ts'
import { until } from '#test/support/until.ts'

const LAMBDA = 'http://api.lambda-microservice.example.com/health'
const LOCAL = 'http://127.0.0.1:8000/health'
const STREAM_BYTES = 64 * 1024 ** 2
/** It answers within a second; a machine may be busy, and a server that is dead never answers. */
const HANGS_MS = 20_000

const usable = { python: { ok: true }, nodejs: { ok: true } }
const fullSandbox = { level: 'full', runtimes: usable }

/** Everybody that a healthy platform has, without the servers. */
function everybody(bus: Bus, sandbox: object): Disposable {
  const stack = new DisposableStack()
  for (const process of ['handler', 'projector', 'edge']) {
    stack.use(announcePresence(bus, { process, instance: '1' }))
  }
  const state = () => ({ sandbox })
  stack.use(announcePresence(bus, { process: 'executor', instance: '1', state }))
  return stack
}

const allHere = (presence: PresenceWatch) =>
  until(() => presence.list().length >= 4, { what: 'all processes' })

async function openWatched(nats: TestNats) {
  const bus = await openBus({ url: nats.url, name: 'edge', onStatus: () => {} })
  return { bus, presence: watchPresence(bus) }
}

describe('health', () => {
  it('is 200 with every component, and 503 while a server is killed', async () => {
    await using stack = new AsyncDisposableStack()
    const [nats, postgres] = await Promise.all([startNats(), startPostgres()])
    stack.use(nats)
    stack.use(postgres)
    const { bus, presence } = await openWatched(nats)
    stack.use(bus)
    stack.use(presence)
    const pool = new Pool({ connectionString: postgres.url, max: 2, connectionTimeoutMillis: 500 })
    pool.on('error', () => {})
    stack.defer(() => pool.end())
    stack.use(everybody(bus, fullSandbox))
    await allHere(presence)

    const app = new Hono()
    const telemetry = stack.use(createTelemetry({ process: 'edge', instance: '1' }))
    const probeDatabase = () => pool.query('select 1')
    mountOperations(app, {
      bus,
      presence,
      telemetry,
      probeDatabase,
      projected: () => new Map(),
      lambdaHosts: [new URL(LAMBDA).hostname],
    })
    const ask = async (url = LOCAL) => {
      const startedAt = performance.now()
      const response = await app.request(url)
      const tookMs = performance.now() - startedAt
      assert.ok(tookMs < HANGS_MS, `health took ${tookMs} ms`)
      return { status: response.status, body: (await response.json()) as Health }
    }

    const well = await until(async () => {
      const answer = await ask()
      const { postgres, nats } = answer.body.components
      return postgres === 'ok' && nats === 'ok' && answer
    })
    assert.equal(well.status, 200)
    assert.equal(well.body.status, 'healthy')
    assert.match(well.body.version, /^\d+\.\d+\.\d+/)
    assert.ok(Math.abs(Date.parse(well.body.timestamp) - Date.now()) < 60_000)
    assert.deepEqual(well.body.components, {
      controller: 'ok',
      redis: 'disabled',
      postgres: 'ok',
      nats: 'ok',
      runtimes: { nodejs: 'ok', python: 'ok', rust: 'disabled' },
    })
    assert.equal(well.body.sandbox.level, 'full')
    assert.ok(!('error' in well.body))
    await until(async () => (await ask(LAMBDA)).body.status === 'ok')

    await postgres.kill()
    const noPostgres = await until(async () => {
      const answer = await ask()
      const { postgres, nats } = answer.body.components
      return postgres === 'down' && nats !== 'down' && answer
    })
    assert.equal(noPostgres.status, 503)
    assert.equal(noPostgres.body.status, 'unhealthy')
    assert.equal(noPostgres.body.error, 'Service unavailable')
    await postgres.restart()
    await until(async () => (await ask()).status === 200, { what: 'health with Postgres back' })

    await nats.kill()
    const noNats = await until(async () => {
      const answer = await ask()
      const { postgres, nats } = answer.body.components
      return nats === 'down' && postgres !== 'down' && answer
    })
    assert.equal(noNats.status, 503)
    await nats.restart()
    await until(async () => (await ask()).status === 200, { what: 'health with NATS back' })
  })

  it('sees who of the pipeline is missing, and what the sandboxes can do', async () => {
    await using nats = await startNats()
    const { bus, presence } = await openWatched(nats)
    await using stack = new AsyncDisposableStack()
    stack.use(bus)
    stack.use(presence)
    const fresh = () => createHealth({ bus, presence, probeDatabase: () => Promise.resolve() })()

    const alone = await fresh()
    assert.equal(alone.status, 503)
    assert.equal(alone.body.components.controller, 'down')
    assert.deepEqual(alone.body.components.runtimes, {
      nodejs: 'down',
      python: 'down',
      rust: 'disabled',
    })

    stack.use(announcePresence(bus, { process: 'handler', instance: '1' }))
    stack.use(announcePresence(bus, { process: 'projector', instance: '1' }))
    await until(() => presence.list().length === 2)
    const idle = await until(async () => {
      const answer = await fresh()
      return answer.status === 200 && answer
    })
    assert.equal(idle.body.components.controller, 'degraded')
    assert.equal(idle.body.sandbox.level, 'unavailable')

    const noPython = { level: 'full', runtimes: { nodejs: { ok: true }, python: { ok: false } } }
    const sandboxes = [fullSandbox, { ...noPython, level: 'user', reason: 'no cgroups' }]
    for (const [index, sandbox] of sandboxes.entries()) {
      const state = () => ({ sandbox })
      stack.use(announcePresence(bus, { process: 'executor', instance: `${index}`, state }))
    }
    await until(() => presence.list('executor').length === 2)
    const mixed = await fresh()
    assert.equal(mixed.body.components.controller, 'ok')
    assert.equal(mixed.body.components.runtimes.python, 'degraded')
    assert.equal(mixed.body.components.runtimes.nodejs, 'ok')
    assert.deepEqual(mixed.body.sandbox, { level: 'user', reason: 'no cgroups' })
  })

  it('asks Redis only where one is configured, and is 200 without it', async () => {
    await using stack = new AsyncDisposableStack()
    const [nats, server] = await Promise.all([startNats(), startRedis()])
    stack.use(nats)
    stack.use(server)
    const { bus, presence } = await openWatched(nats)
    stack.use(bus)
    stack.use(presence)
    stack.use(everybody(bus, fullSandbox))
    await allHere(presence)
    const redis = stack.use(await RedisLink.open({ url: server.url, log: quietLog('edge') }))
    const probeDatabase = () => Promise.resolve()
    const health = createHealth({ bus, presence, probeDatabase, probeRedis: () => redis.probe() })
    const become = (status: string) =>
      until(async () => {
        const answer = await health()
        assert.equal(answer.status, 200)
        return answer.body.components.redis === status
      })
    await become('ok')
    server.freeze()
    await become('down')
    server.thaw()
    await become('ok')
    await server.kill()
    await become('down')
  })

  it('asks the database once for a flood, and answers in time when it hangs', async () => {
    await using nats = await startNats()
    const { bus, presence } = await openWatched(nats)
    await using stack = new AsyncDisposableStack()
    stack.use(bus)
    stack.use(presence)
    let asked = 0
    const hanging = Promise.withResolvers<void>()
    const probeDatabase = () => {
      asked++
      return hanging.promise
    }
    const health = createHealth({ bus, presence, probeDatabase })
    const startedAt = performance.now()
    for (let round = 0; round < 2; round++) {
      const answers = await Promise.all(Array.from({ length: 500 }, () => health()))
      assert.ok(answers.every(({ body }) => body.components.postgres === 'down'))
      await until(async () => (await health()).body.timestamp !== answers[0]?.body.timestamp)
    }
    const abandoned = Math.floor((performance.now() - startedAt) / ABANDON_AFTER_MS)
    assert.ok(asked <= 1 + abandoned, 'a question that hangs is not asked again so soon')
    hanging.resolve()
    await until(async () => (await health()).body.components.postgres !== 'down')
  })
})

describe('metrics over HTTP', () => {
  it('show what waits in the log, summed over all functions, and the lag', async () => {
    await using nats = await startNats()
    const { bus, presence } = await openWatched(nats)
    await using stack = new AsyncDisposableStack()
    stack.use(bus)
    stack.use(presence)
    await ensureStreams(bus.jsm, { maxBytes: STREAM_BYTES })
    for (const id of [1, 2]) {
      await ensureDurable(bus.jsm, COMMANDS, functionDurable(id, 1))
      for (let job = 0; job < 3; job++) await bus.js.publish(subjects.runJob('python', id), '{}')
    }
    for (let i = 0; i < 5; i++) await bus.js.publish(subjects.jobEvent(1, 'succeeded'), '{}')
    const claimed = await bus.js.consumers.get(COMMANDS, 'fn-1').then((one) => one.next())
    assert.ok(claimed)

    const app = new Hono()
    const telemetry = stack.use(createTelemetry({ process: 'edge', instance: '1' }))
    const probeDatabase = () => Promise.resolve()
    const projected = () => new Map([[EVENTS, 2]])
    mountOperations(app, { bus, presence, telemetry, probeDatabase, projected })
    const response = await app.request('/metrics')
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    const functions = 'stream="COMMANDS",consumer="functions"'
    const wanted = [
      'sluice_stream_messages{stream="COMMANDS"} 6',
      'sluice_stream_messages{stream="EVENTS"} 5',
      `sluice_stream_max_bytes{stream="EVENTS"} ${STREAM_BYTES}`,
      `sluice_consumer_pending{${functions}} 5`,
      `sluice_consumer_ack_pending{${functions}} 1`,
      `sluice_consumers_stalled{${functions}} 1`,
      'sluice_projection_lag_messages{stream="EVENTS"} 3',
      'sluice_process_up{process="edge",instance="1"} 1',
    ]
    // The server counts what waits for a consumer some time after it has stored it.
    await until(async () => {
      const lines = (await (await app.request('/metrics')).text()).split('\n')
      for (const line of wanted) assert.ok(lines.includes(line), line)
      return true
    })
    assert.equal((await app.request('/metrics/')).status, 200)
    assert.equal((await app.request('/health/')).status, 404, 'that is the gateway’s')
  })
})
