/** The consumers that the README shows: each event once, over kills of the reader and of the server. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { filters } from '#events/subjects.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'
import { FunctionsApi } from './functions-api.ts'

/** Beyond what a message holds itself. */
const LARGE = 'def handler(event):\n    return "x" * event["size"]'
const LARGE_BYTES = 900_000
const EXAMPLES = [
  ['TypeScript', process.execPath, 'consumer.ts'],
  ['Python', process.env['SLUICE_PYTHON'] ?? 'python3', 'consumer.py'],
] as const

let platform: TestPlatform
let api: FunctionsApi
let fn: number
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
  fn = await api.register({ code: LARGE })
})
after(() => platform.stop())

interface Event {
  readonly id: string
  readonly type: string
  readonly data: { readonly job_id: number; readonly result: unknown }
}

const called = async (size: number) => (await api.call(fn, { size })).id
const callMany = (count: number) => Promise.all(Array.from({ length: count }, () => called(1)))

async function readEvents(file: string): Promise<readonly Event[]> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n')
  // The last one may be half written when its writer is killed.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Event)
}

for (const [language, command, name] of EXAMPLES) {
  test(`${language}: sees exactly what happened, over kills and restarts`, async () => {
    await using directory = await tempDir('consumer')
    const file = join(directory.path, 'events.jsonl')
    const url = (await readFile(join(platform.home, 'nats.url'), 'utf8')).trim()
    const complaints: string[] = []
    const whileReading = async (act: () => Promise<void>) => {
      const path = fileURLToPath(new URL(`../examples/${name}`, import.meta.url))
      const args = [path, `reader-${language}`, filters.jobEventsOf(fn), file]
      const env = { ...process.env, NATS_URL: url }
      const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
      child.stderr.on('data', (data: Buffer) => complaints.push(data.toString('utf8')))
      const exited = once(child, 'exit')
      try {
        await act()
      } catch (cause) {
        throw new Error(`${language} said: ${complaints.join('')}`, { cause })
      } finally {
        child.kill('SIGKILL')
        await exited
      }
    }
    const jobs: number[] = (await api.jobs(fn, '?per_page=100')).map(({ id }) => id)
    const seesAll = (what: string) =>
      until(
        async () => {
          // Not how many: of calls that are made anew some may have run before.
          const ended = (await readEvents(file)).filter(({ type }) => type === 'job.succeeded')
          const seen = new Set(ended.map(({ data }) => data.job_id))
          return jobs.every((id) => seen.has(id))
        },
        { what: `${what}, ${jobs.length} jobs` },
      )

    await whileReading(async () => {
      jobs.push(await called(LARGE_BYTES), ...(await callMany(20)))
      await seesAll('the first reading')
    })
    const had = (await readEvents(file)).length
    jobs.push(...(await callMany(20)))
    await whileReading(async () => {
      await until(async () => (await readEvents(file)).length > had)
    })
    await whileReading(async () => {
      jobs.push(await called(1))
      await seesAll('the reading after its reader was killed')
      await platform.kill('nats-server', 'SIGKILL')
      jobs.push(...(await until(() => callMany(5))))
      await seesAll('the reading after the server was killed')
    })

    const events = await readEvents(file)
    assert.equal(new Set(events.map(({ id }) => id)).size, events.length, 'each one once')
    const ended = events.filter(({ type }) => type === 'job.succeeded')
    const seen = new Map(ended.map(({ data }) => [data.job_id, data.result]))
    assert.deepEqual(
      jobs.filter((id) => !seen.has(id)),
      [],
    )
    assert.ok([...seen.values()].includes('x'.repeat(LARGE_BYTES)))
  })
}

test('the address is for its owner only', async () => {
  const { mode } = await stat(join(platform.home, 'nats.url'))
  assert.equal(mode & 0o777, 0o600)
})

test('the document of the subjects is there for everybody', async () => {
  const answer = await fetch(`${platform.url}/asyncapi.json`)
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'application/json'])
  const { asyncapi, channels } = (await answer.json()) as { asyncapi: string; channels: object }
  assert.equal(asyncapi, '3.0.0')
  assert.ok('evt.job.succeeded' in channels)
})
