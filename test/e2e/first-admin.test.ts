/** The admin of a first start, whatever happens to the handlers meanwhile. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import { openBus } from '#events/jetstream/bus.ts'
import { readToEnd } from '#events/jetstream/read-to-end.ts'
import { EVENTS } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'
import { ADMIN, type UserEvent } from '#events/users.ts'
import { start, stop } from '../../apps/local/program.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { AccountsApi } from './accounts-api.ts'

const HANDLER = fileURLToPath(new URL('../../apps/handler/main.ts', import.meta.url))
const AT_ONCE = 3
/** Over the time in which a handler makes the admin. */
const KILL_AFTER_MS = [300, 400, 500, 600, 700, 800]

let platform: TestPlatform
before(async () => {
  platform = await startPlatform({ env: { RATE_LIMITS: 'off' } })
})
after(() => platform.stop())

/** One more handler beside the platform's own. */
function startHandler(adminPassword: string) {
  const { natsUrl: NATS_URL, databaseUrl: DATABASE_URL } = platform
  return start({
    name: 'handler',
    stopSignal: 'SIGTERM',
    command: async () => ({
      file: process.execPath,
      args: [HANDLER],
      env: { ...process.env, NATS_URL, DATABASE_URL, ADMIN_PASSWORD: adminPassword },
      deathSignal: 'KILL',
    }),
    isReady: (line) => line.includes('"event":"ready"'),
    onLine: () => {},
  })
}

async function adminEvents(): Promise<readonly string[]> {
  const url = platform.natsUrl
  await using bus = await openBus({ url, name: 'test', onStatus: () => undefined })
  const types: string[] = []
  const options = { filter_subjects: filters.userEventsOf(ADMIN) }
  await readToEnd(bus, EVENTS, options, (message) => {
    types.push(message.json<UserEvent>().type)
  })
  return types
}

test('handlers that are killed in the act, or are many at once, make one admin', async () => {
  const api = new AccountsApi(platform.url)
  const password = platform.credentials.ADMIN_PASSWORD
  assert.deepEqual(await adminEvents(), ['user.created'])
  const admin = api.as(await api.token(ADMIN, password))
  await admin.get(204, `/api/v1/users/${ADMIN}`, { method: 'DELETE' })
  assert.equal((await api.askToken(ADMIN, password)).status, 401)
  for (const ms of KILL_AFTER_MS) {
    const run = await startHandler(password)
    // Whether it was ready by then does not matter.
    run.ready.catch(() => undefined)
    await wait(ms)
    run.kill('SIGKILL')
    await run.exited
  }
  const runs = await Promise.all(Array.from({ length: AT_ONCE }, () => startHandler(password)))
  await Promise.all(runs.map((run) => run.ready))
  assert.deepEqual(await adminEvents(), ['user.created', 'user.deleted', 'user.created'])
  await api.token(ADMIN, password)
  await Promise.all(runs.map((run) => stop(run, 'SIGTERM', 10_000)))
})

test('the environment is the truth: a changed password and a lost scope last until a start', async () => {
  const api = new AccountsApi(platform.url)
  const password = platform.credentials.ADMIN_PASSWORD
  const admin = api.as(await api.token(ADMIN, password))
  const json = { password: 'something else', scopes: [] }
  await admin.get(200, `/api/v1/users/${ADMIN}`, { method: 'PATCH', json })
  assert.equal((await api.askToken(ADMIN, password)).status, 401)
  await platform.kill('handler')
  await until(async () => (await api.askToken(ADMIN, password)).status === 200)
  await api.as(await api.token(ADMIN, password)).get(200, '/api/v1/users')
  const changes = (await adminEvents()).length

  const run = await startHandler('given by the operator')
  await run.ready
  await api.token(ADMIN, 'given by the operator')
  assert.equal((await api.askToken(ADMIN, password)).status, 401)
  assert.equal((await adminEvents()).length, changes + 1)
  await stop(run, 'SIGTERM', 10_000)
})
