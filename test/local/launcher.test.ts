/** The launcher with its real servers and four tiny processes: starting, stopping, dying. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { openBus } from '#events/jetstream/bus.ts'
import { start } from '../../apps/local/program.ts'
import { isAlive } from '../support/alive.ts'
import { FAKE_PLATFORM, launchProcess, type Launched, type LogLine } from '../support/launched.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const APPS = ['edge', 'handler', 'executor', 'projector']
const PARTS = [...APPS, 'nats-server', 'postgres']

const launchFake = (home: string) => launchProcess({ main: FAKE_PLATFORM, home })

function pidOf(launched: Launched, part: string): number {
  const line = launched.lines.findLast((it) => it['part'] === part && it['event'] === 'part_ready')
  assert.ok(line, `${part} never became ready`)
  return line['pid'] as number
}

async function allGone(pids: readonly number[]): Promise<void> {
  await until(async () => !(await Promise.all(pids.map(isAlive))).includes(true), {
    what: `processes ${pids.join(', ')} gone`,
  })
}

/** What the processes were given; the same for all of them. */
function urls(launched: Launched): { natsUrl: string; databaseUrl: string } {
  return launched.find('edge', 'ready') as LogLine & { natsUrl: string; databaseUrl: string }
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

test('SIGTERM stops the edge, then the others, then the servers, and exits with 0', async () => {
  await using home = await tempDir('launcher')
  await using launched = await launchFake(home.path)
  const ready = await launched.ready()
  assert.equal(ready['url'], launched.find('edge', 'ready')?.['url'])
  const pids = PARTS.map((part) => pidOf(launched, part))

  launched.kill('SIGTERM')
  assert.deepEqual(await launched.exited, { code: 0, signal: null })
  await allGone(pids)
  const drained = await Promise.all(
    APPS.map((name) => until(() => launched.find(name, 'drained')?.['at'] as number | undefined)),
  )
  assert.equal(Math.min(...drained), drained[0])
  const own = launched.lines.filter((it) => it['process'] === 'local' && it['event'] === 'ready')
  assert.equal(own.length, 1)
})

test('a second start on the same home names the process that holds it', async () => {
  await using home = await tempDir('launcher')
  await using first = await launchFake(home.path)
  await first.ready()
  await using second = await launchFake(home.path)
  assert.deepEqual(await second.exited, { code: 1, signal: null })
  const failure = await until(() => second.find('local', 'failed'))
  const { code, message } = failure['error'] as { code: string; message: string }
  assert.equal(code, 'HOME_IN_USE')
  assert.match(message, new RegExp(`in use by process ${first.pid}\\b`))
})

test('kill -9 of the launcher leaves nothing, and the next start finds the data', async () => {
  await using home = await tempDir('launcher')
  await using first = await launchFake(home.path)
  await first.ready()
  {
    const { natsUrl, databaseUrl } = urls(first)
    await query(databaseUrl, 'create table kept as select 42 as answer')
    await using bus = await openBus({ url: natsUrl, name: 'test', onStatus: () => {} })
    await bus.jsm.streams.add({ name: 'KEPT', subjects: ['kept'] })
    await bus.js.publish('kept', '42')
  }
  const pids = PARTS.map((part) => pidOf(first, part))
  first.kill('SIGKILL')
  assert.deepEqual(await first.exited, { code: null, signal: 'SIGKILL' })
  await allGone(pids)

  await using second = await launchFake(home.path)
  await second.ready()
  const { natsUrl, databaseUrl } = urls(second)
  assert.deepEqual(await query(databaseUrl, 'select answer from kept'), [{ answer: 42 }])
  await using bus = await openBus({ url: natsUrl, name: 'test', onStatus: () => {} })
  const { state } = await bus.jsm.streams.info('KEPT')
  assert.equal(state.messages, 1)
})

test('a killed server comes back on its port with its data', async () => {
  await using home = await tempDir('launcher')
  await using launched = await launchFake(home.path)
  await launched.ready()
  const { natsUrl, databaseUrl } = urls(launched)
  await query(databaseUrl, 'create table kept as select 42 as answer')
  await using bus = await openBus({ url: natsUrl, name: 'test', onStatus: () => {} })
  await bus.jsm.streams.add({ name: 'KEPT', subjects: ['kept'] })

  for (const part of ['postgres', 'nats-server']) {
    const pid = pidOf(launched, part)
    process.kill(pid, 'SIGKILL')
    await until(() => pidOf(launched, part) !== pid)
  }
  assert.deepEqual(await query(databaseUrl, 'select answer from kept'), [{ answer: 42 }])
  await until(() => !bus.disconnected)
  await bus.jsm.streams.info('KEPT')
})

test('with servers given nothing is embedded', async () => {
  await using home = await tempDir('launcher')
  const given = { NATS_URL: 'nats://127.0.0.1:1', DATABASE_URL: 'postgres://127.0.0.1:1/none' }
  await using launched = await launchProcess({
    main: FAKE_PLATFORM,
    home: home.path,
    env: given,
  })
  await launched.ready()
  const parts = launched.lines.flatMap((it) => (it['event'] === 'part_ready' ? [it['part']] : []))
  assert.deepEqual(parts.sort(), [...APPS].sort())
  assert.equal(urls(launched).natsUrl, given.NATS_URL)
  assert.equal(urls(launched).databaseUrl, given.DATABASE_URL)
})

test('under npm it stops when the shell between them is gone', async () => {
  await using home = await tempDir('launcher')
  const launcher = fileURLToPath(new URL('../support/fake-platform.ts', import.meta.url))
  const lines: string[] = []
  // As npm does it: a shell that waits for us, and dies of a signal without passing it on.
  const shell = await start({
    name: 'shell',
    stopSignal: 'SIGTERM',
    command: async () => ({
      file: '/bin/sh',
      args: ['-c', `"${process.execPath}" "${launcher}"; exit $?`],
      env: {
        ...process.env,
        ...{ NATS_URL: '', DATABASE_URL: '', PORT: '0', SLUICE_HOME: home.path },
        npm_lifecycle_event: 'start',
      },
      deathSignal: 'KILL',
    }),
    isReady: (line) => line.includes('"process":"local","event":"ready"'),
    onLine: (line) => void lines.push(line),
  })
  const ready = JSON.parse(await shell.ready) as { pid: number }
  const pids = lines.flatMap((line) => {
    const { event, pid } = JSON.parse(line) as { event: string; pid: number }
    return event === 'part_ready' ? [pid] : []
  })
  assert.equal(pids.length, PARTS.length)
  shell.kill('SIGTERM')
  await allGone([ready.pid, ...pids])
  await shell.outputEnded
  assert.match(lines.at(-1) ?? '', /"event":"stopped".*"code":0/)
})
