/** GraphQL subscriptions tell their reader what happens, until there is no more to tell. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, it } from 'node:test'
import type { Scope } from '../../apps/edge/access/principal.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { startSecondEdge } from '../support/second-edge.ts'
import { bearer, tokenOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'
import { FunctionsApi, type Job } from './functions-api.ts'
import { GraphqlApi, type Headers } from './graphql-api.ts'
import { GraphqlReader } from './graphql-reader.ts'

interface Told {
  readonly events: {
    readonly seq: number
    readonly type: string
    readonly data: { job_id: number }
  }
}
const EVENTS = `subscription ($type: [String!], $function_id: [SafeInt!], $after: SafeInt) {
  events(type: $type, function_id: $function_id, last_event_id: $after) { seq type data }
}`
const JOB = 'subscription ($id: SafeInt!) { job(id: $id) { id status result } }'
const SLOW = 'import time\ndef handler(event):\n  time.sleep(event.get("s", 0))\n  return event'
const ENV = { AUTH: 'required', RATE_LIMITS: 'off', EVENT_HEARTBEAT_MS: '3000' }

let platform: TestPlatform
let adas: Headers
let ada: FunctionsApi
let functionId: number

before(async () => {
  platform = await startPlatform({ env: ENV })
  adas = await headersOf('ada', 'admin')
  ada = new FunctionsApi(platform.url, adas)
  functionId = await ada.register({ code: SLOW, execution_type: 'async' })
  // Its first question loads the server.
  await new GraphqlApi(platform.url, adas).data('{ __typename }')
})
after(() => platform[Symbol.asyncDispose]())

const headersOf = async (subject: string, ...scopes: Scope[]) =>
  bearer(await tokenOf(platform, { subject, scopes }))

const read = <Data>(query: string, variables: object, headers = adas, url = platform.url) =>
  GraphqlReader.open<Data>(url, { query, variables }, headers)

/** Live readers of this platform's edge, as its metrics tell. */
async function readers(): Promise<number> {
  const text = await (await fetch(`${platform.url}/metrics`)).text()
  return Number(/^sluice_event_readers\{.*process="edge".*\} (\d+)$/m.exec(text)?.[1])
}

it('tells what happens to a job, until its end', async () => {
  const { id } = await ada.accept(functionId, { s: 6 })
  using reader = await read<{ job: Job }>(JOB, { id })
  assert.equal(reader.status, 200)
  assert.match(reader.type ?? '', /^text\/event-stream/)
  assert.equal(await reader.ended, true)
  const statuses = reader.data.map((data) => data?.job.status)
  assert.ok(['pending', 'running'].includes(statuses[0] ?? ''), statuses.join())
  assert.equal(statuses.at(-1), 'success')
  assert.deepEqual(reader.data.at(-1)?.job, { id, status: 'success', result: { s: 6 } })

  using late = await read<{ job: Job }>(JOB, { id })
  assert.equal(await late.ended, true)
  assert.deepEqual(
    late.data.map((data) => data?.job.status),
    ['success'],
  )
})

it('tells the events that were asked for, from where they were asked for', async () => {
  using reader = await read<Told>(EVENTS, { type: ['job.succeeded'], function_id: [functionId] })
  const ids = [(await ada.accept(functionId)).id, (await ada.accept(functionId)).id]
  await until(() => reader.values.length === 2)
  const told = reader.data.map((data) => data?.events)
  assert.deepEqual(new Set(told.map((event) => event?.type)), new Set(['job.succeeded']))
  assert.deepEqual(new Set(told.map((event) => event?.data.job_id)), new Set(ids))
  using again = await read<Told>(EVENTS, { type: ['job.succeeded'], after: told[0]?.seq })
  await until(() => again.values.length === 1)
  assert.deepEqual(again.data[0]?.events, told[1])
})

it('gives the seat back when its reader goes', async () => {
  await until(async () => (await readers()) === 0)
  const reader = await read<Told>(EVENTS, {})
  await until(async () => (await readers()) === 1)
  reader[Symbol.dispose]()
  await until(async () => (await readers()) === 0)
  assert.equal(await reader.ended, false)
})

it('tells nobody of what belongs to somebody else', async () => {
  const { id } = await ada.accept(functionId, { s: 0.2 })
  const eves = await headersOf('eve', 'admin')
  using events = await read<Told>(EVENTS, {}, eves)
  using job = await read<{ job: Job }>(JOB, { id }, eves)
  assert.equal(await job.ended, true)
  assert.equal(job.values[0]?.errors?.[0]?.extensions?.code, 'NOT_FOUND')
  await ada.ended(id)
  // What is Eve's own comes behind it.
  const eve = new FunctionsApi(platform.url, eves)
  const own = await eve.register()
  await until(() => events.values.length > 0)
  assert.equal(events.data[0]?.events.type, 'function.registered')
  assert.equal((events.data[0].events.data as { function_id?: number }).function_id, own)

  using reader = await read(EVENTS, {}, await headersOf('ada', 'jobs:read'))
  assert.equal(await reader.ended, true)
  assert.equal(reader.values[0]?.errors?.[0]?.extensions?.code, 'FORBIDDEN')
  await until(async () => (await readers()) === 1)
})

it('refuses what it does not understand, and leaves no seat taken', async () => {
  await until(async () => (await readers()) === 0)
  const api = new GraphqlApi(platform.url, adas)
  const { status, body } = await api.ask('subscription { events { seq } }')
  assert.equal(status, 400)
  assert.match(JSON.stringify(body), /text\/event-stream/)
  const codes = async (query: string) => {
    using reader = await read(query, {})
    await reader.ended
    return reader.values[0]?.errors?.[0]?.extensions?.code
  }
  assert.equal(await codes('subscription { events(type: ["nothing"]) { seq } }'), 'INVALID_REQUEST')
  assert.equal(
    await codes('subscription { events(last_event_id: 1e9) { seq } }'),
    'GRAPHQL_VALIDATION_FAILED',
  )
  assert.equal(
    await codes('subscription { events(last_event_id: 999999999) { seq } }'),
    'INVALID_REQUEST',
  )
  assert.equal(await codes('subscription { job(id: 900000000) { id } }'), 'NOT_FOUND')
  await until(async () => (await readers()) === 0)
})

it('cuts off a reader that takes nothing', async () => {
  const { hostname, port } = new URL(platform.url)
  const socket = connect(Number(port), hostname)
  const body = JSON.stringify({ query: EVENTS, variables: {} })
  const head = [
    'POST /graphql HTTP/1.1',
    `Host: ${hostname}:${port}`,
    `Authorization: ${adas['authorization']}`,
    'Accept: text/event-stream',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  await until(async () => (await readers()) === 0)
  socket.pause()
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  await until(async () => (await readers()) === 1)
  const large = await ada.register({ code: 'def handler(event): return "x" * 250000' })
  let hasGone = false
  socket.on('close', () => (hasGone = true))
  socket.on('error', () => undefined)
  await until(
    async () => {
      await ada.call(large)
      return (await readers()) === 0
    },
    { what: 'the cut' },
  )
  socket.resume()
  await until(() => hasGone)
})

it('says so when its edge stops', async () => {
  const edge = await startSecondEdge(platform, { ...ENV, ...platform.credentials })
  const reader = await read<Told>(EVENTS, {}, adas, edge.url)
  await edge[Symbol.asyncDispose]()
  assert.equal(await reader.ended, true)
  const [error] = reader.values.at(-1)?.errors ?? []
  assert.equal(error?.extensions?.code, 'UNAVAILABLE')
  assert.equal(error.extensions.details?.['reason'], 'stopping')
})
