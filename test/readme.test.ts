/**
 * Every command of README.md, as it stands there, in a checkout that has nothing but what is
 * tracked: a stranger's first ten minutes. The tests follow the README from top to bottom.
 */
import assert from 'node:assert/strict'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { freePort } from '../apps/local/free-port.ts'
import { startNats } from './support/nats.ts'
import { createDatabase } from './support/postgres.ts'
import { askedOf, ReadmeCommands } from './support/readme-commands.ts'
import { openTerminal, type Running, type Terminal } from './support/readme-shell.ts'
import { tempDir } from './support/temp-dir.ts'
import { until } from './support/until.ts'

const PROCESSES = ['edge', 'handler', 'executor', 'projector'] as const
const EMBEDDED = { NATS_URL: '', DATABASE_URL: '' }
const SERVERS =
  'NATS_URL=nats://127.0.0.1:4222 DATABASE_URL=postgres://sluice@127.0.0.1:5432/sluice'
/** Enough to see every line of the table, too little for figures. */
const BENCH_SCALE = '0.01'

const readme = new ReadmeCommands()
const owned = new AsyncDisposableStack()
let terminal: Terminal
let platform: Running
/** `.sluice` in the README. */
let home: string

before(async () => {
  terminal = owned.use(await openTerminal())
})
after(() => owned.disposeAsync())

/** Pastes the block that contains `part`, and returns what each of its commands answered. */
async function ask(part: string, url = platform.url): Promise<Answer[]> {
  return pasted(askedOf(url, readme.take(part)))
}

interface Answer {
  readonly success: boolean
  readonly data: Readonly<Record<string, unknown>>
}

async function pasted(text: string): Promise<Answer[]> {
  // curl ends no line, so one answer follows the other.
  const output = await terminal.paste(text)
  return output.split(/(?<=\})(?=\{"success")/).map((answer) => JSON.parse(answer) as Answer)
}

test('npm ci && npm start: one ready line with the url', async () => {
  home = owned.use(await tempDir('readme-home')).path
  const port = String(await freePort())
  platform = await terminal.leaveRunning(readme.take('npm start'), 'local', {
    ...EMBEDDED,
    PORT: port,
    SLUICE_HOME: home,
    // A curl whose reader has gone sees it when it writes again.
    EVENT_HEARTBEAT_MS: '1000',
  })
  assert.equal(platform.url, `http://127.0.0.1:${port}`)
})

test('one variable has the address', () => {
  assert.equal(readme.take('U='), 'U=http://127.0.0.1:8000')
})

test('the quick start registers a python and a nodejs function, 1 and 2', async () => {
  const answers = await ask('"name": "greet"')
  assert.deepEqual(
    answers.map(({ success, data }) => [success, data['function_id']]),
    [
      [true, 1],
      [true, 2],
    ],
  )
})

test('the first function answers with its finished job', async () => {
  const [answer] = await ask('Ada')
  assert.equal(answer?.success, true)
  const { id, status, result } = answer.data
  assert.deepEqual(
    { id, status, result },
    { id: 1, status: 'success', result: { greeting: 'Hello, Ada' } },
  )
})

test('the second function answers with a pending job, which can be read', async () => {
  const block = readme.take('/jobs/2/logs')
  const [invoked, ...read] = await pasted(askedOf(platform.url, block))
  assert.deepEqual([invoked?.data['id'], invoked?.data['status']], [2, 'pending'])
  assert.equal(read.length, 3)
  const reading = askedOf(platform.url, block.slice(block.indexOf('\n') + 1))
  await until(async () => {
    const [job, logs, metrics] = await pasted(reading)
    assert.deepEqual([job?.data['status'], job?.data['result']], ['success', { doubled: 42 }])
    assert.match(JSON.stringify(logs?.data), /doubling/)
    assert.deepEqual((metrics?.data['invocations'] as { total: number }).total, 1)
    return true
  })
})

test('Prefer: wait waits for the end of an asynchronous job', async () => {
  const [answer] = await ask('Prefer: wait=5')
  assert.deepEqual([answer?.data['status'], answer?.data['result']], ['success', { doubled: 8 }])
})

test('GraphQL tells of the first function and its newest job', async () => {
  const { data } = JSON.parse(
    await terminal.paste(askedOf(platform.url, readme.take('/graphql'))),
  ) as { data: unknown }
  const jobs = [{ id: 1, status: 'success', result: { greeting: 'Hello, Ada' } }]
  const metrics = { success_rate: 100 }
  assert.deepEqual(data, { function: { name: 'greet', metrics, jobs: { jobs } } })
})

test('a rust function is compiled, registered and called', async () => {
  const [registered, called] = await ask('"name": "sum"')
  assert.deepEqual([registered?.success, registered?.data['function_id']], [true, 3])
  assert.deepEqual(
    [called?.data['status'], called?.data['result']],
    ['success', { sum: 3.5, count: 2 }],
  )
})

test('a session is initialized, executed and shown', async () => {
  const block = askedOf(platform.url, readme.take('Language-Title').replaceAll('.sluice', home))
  const output = await terminal.paste(block)
  const [executed, session] = output
    .split(/(?<=\})(?=\{"request_id")/)
    .map((answer) => JSON.parse(answer) as Readonly<Record<string, unknown>>)
  assert.deepEqual(executed?.['result'], { greeting: 'Hello, Grace' })
  assert.deepEqual([session?.['status'], session?.['execution_count']], ['active', 1])
})

test('what is sent twice with one Idempotency-Key is one job', async () => {
  const block = askedOf(platform.url, readme.take('Idempotency-Key: order-17'))
  const [[first], [again]] = [await pasted(block), await pasted(block)]
  assert.equal(first?.success, true)
  assert.equal(again?.data['id'], first.data['id'])
})

test('events are read from the log, and followed as they happen', async () => {
  const output = await terminal.paste(askedOf(platform.url, readme.take('/api/v1/events')))
  const [page = '', stream = ''] = output.split(/(?<=\})(?=retry: )/)
  const { data } = JSON.parse(page) as { data: { type: string }[] }
  assert.deepEqual(
    data.map(({ type }) => type),
    ['function.registered', 'function.registered'],
  )
  assert.match(stream, /^retry: \d+\nid: 0\n\nid: \d+\nevent: job\.\w+$/m)
})

test('a job tells why it is what it is', async () => {
  const [answer] = await ask('/jobs/2/explain')
  const { summary, chain } = answer?.data ?? {}
  assert.equal(typeof summary, 'string')
  assert.ok((chain as unknown[]).length > 0)
})

test('a real document is analysed, its suggestions are searched, its report is read', async () => {
  const block = readme.take('@test/data/documents/aesop.json')
  const output = await terminal.paste(askedOf(platform.url, block))
  const [told = '', report = ''] = output.split(/(?=# Chunk report: `aesop`\n)/)
  const [analysed, found] = told
    .trim()
    .split(/(?<=\})(?=\{"data")/)
    .map((answer) => JSON.parse(answer) as Readonly<Record<string, unknown>>)
  const { ignore_adjacent_overlap } = analysed?.['options'] as Record<string, unknown>
  assert.equal(ignore_adjacent_overlap, false)
  const suggestions = found?.['data'] as readonly { description: string; chunk_id: string }[]
  assert.ok(suggestions.length > 0 && suggestions.length <= 3)
  for (const { description } of suggestions) assert.match(description, /^Quality score is /)
  assert.match(report, /^7 chunks, about \d+ tokens/m)
})

test('there are no dead letters so far', async () => {
  const block = readme.take('/api/v1/dead-letters')
  const listed: unknown = JSON.parse(await terminal.paste(askedOf(platform.url, block)))
  assert.deepEqual(listed, { dead_letters: [], next: null })
})

test('the key that is made at the first start opens the door', async () => {
  const block = readme.take('api.key').replaceAll('.sluice', home)
  const [answer] = await pasted(askedOf(platform.url, block))
  assert.equal(answer?.success, true)
  assert.equal((answer.data['functions'] as unknown[]).length, 3)
  const [refused] = await pasted(askedOf(platform.url, block.replace('X-API-Key: ', '$&x')))
  assert.equal(refused?.success, false)
})

test('the first user signs in, and makes a key that is shown once', async () => {
  const block = readme.take('auth/token').replaceAll('.sluice', home)
  const made = JSON.parse(await terminal.paste(askedOf(platform.url, block))) as Made
  assert.match(made.key, /^sluice_/)
  assert.deepEqual([made.name, made.scopes], ['ci', ['execute:all']])
})

interface Made {
  readonly key: string
  readonly name: string
  readonly scopes: readonly string[]
}

test('a program of the reader gets the events from NATS', async () => {
  const block = readme.take('nats.url').replaceAll('.sluice', home)
  const last = JSON.parse(await terminal.paste(block)) as { type: string; data: object }
  assert.equal(last.type, 'job.succeeded')
  assert.ok('result' in last.data)
})

test('Ctrl-C drains and exits with 0', async () => {
  assert.deepEqual(await platform.interrupt(), { code: 0, signal: null })
})

test('each process runs alone on servers that are given, and nothing is embedded', async () => {
  await using servers = new AsyncDisposableStack()
  const nats = servers.use(await startNats())
  const database = servers.use(await createDatabase())
  const home = servers.use(await tempDir('readme-home')).path
  const [given = '', ...commands] = readme.take('npm run edge').split('\n')
  assert.deepEqual(
    [given, commands],
    [`export ${SERVERS}`, PROCESSES.map((name) => `npm run ${name}`)],
  )
  const exported = given.replace(SERVERS, `NATS_URL=${nats.url} DATABASE_URL=${database.url}`)
  const env = { PORT: String(await freePort()), SLUICE_HOME: home }
  const runs = await Promise.all(
    PROCESSES.map((name) => terminal.leaveRunning(`${exported}\nnpm run ${name}`, name, env)),
  )
  const url = runs[0]?.url ?? ''
  const greet = `curl -s ${url}/functions -H 'Content-Type: application/json' -d '${JSON.stringify({
    name: 'alone',
    runtime: 'nodejs',
    execution_type: 'sync',
    code: 'function handler(event) { return event }',
  })}'`
  assert.deepEqual((await pasted(greet))[0]?.data['function_id'], 1)
  const call = `curl -s ${url}/functions/1/invoke -H 'Content-Type: application/json' -d '{"n": 1}'`
  const [called] = await until(async () => {
    const answers = await pasted(call)
    return answers[0]?.success === true && answers
  })
  assert.deepEqual(called?.data['result'], { n: 1 })
  for (const server of ['nats', 'postgres']) await assert.rejects(access(join(home, server)))

  const job = `curl -s ${url}/jobs/${String(called.data['id'])}`
  const [before] = await pasted(job)
  await terminal.paste(`${exported}\n${readme.take('projections:rebuild')}`, env)
  assert.deepEqual((await until(async () => pasted(job)))[0], before)
  const exits = await Promise.all(runs.map((run) => run.interrupt()))
  for (const exit of exits) assert.deepEqual(exit, { code: 0, signal: null })
})

test('npm run bench prints its table and writes its figures', async () => {
  await using home = await tempDir('readme-home')
  const figures = join(home.path, 'bench.json')
  const env = { ...EMBEDDED, BENCH_SCALE, BENCH_JSON: figures }
  const printed = await terminal.paste(readme.take('npm run bench'), env)
  for (const title of ['Floors', 'Calls', 'Upkeep', 'Ratios']) {
    assert.match(printed, new RegExp(`^${title}\\b`, 'm'))
  }
  const results = JSON.parse(await readFile(figures, 'utf8')) as Record<string, unknown>
  for (const part of ['floors', 'calls', 'neighbour', 'lag', 'restartMs']) {
    assert.ok(part in results, part)
  }
})

test('npm test, npm run chaos and npm run check are what runs elsewhere', async () => {
  const read = (path: string) => readFile(join(terminal.directory, path), 'utf8')
  const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> }
  const ci = (await read('.ci/run')).split('\n').map((line) => line.trim())

  // This very run, and the chaos suite within it.
  readme.take('npm ci && npm test')
  assert.equal(scripts['test'], 'exec node test/run.ts')
  assert.ok(ci.some((line) => line.startsWith('npm ci')) && ci.includes('npm test'))
  readme.take('npm run chaos')
  assert.equal(scripts['chaos'], 'exec node test/chaos/main.ts')
  await access(join(terminal.directory, 'test/chaos/chaos.test.ts'))

  readme.take('npm run check')
  assert.ok(scripts['check'] !== undefined && ci.includes('npm run check'))
})

test('no command of the README is left out', () => {
  assert.deepEqual(readme.untouched, [])
})
