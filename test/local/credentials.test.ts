/** What a first start makes so that somebody can enter: kept, shown once, and told to few. */
import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { createLog } from '#runtime/log.ts'
import { ownCredentials, withoutCredentials } from '../../apps/local/credentials.ts'
import { FAKE_PLATFORM, launchProcess } from '../support/launched.ts'
import { startPlatform } from '../support/platform.ts'
import { tempDir } from '../support/temp-dir.ts'

const OWNER_ONLY = 0o600
const FILES = ['admin.password', 'api-key.pepper', 'api.key', 'jwt.secret']
const NAMES = ['JWT_SECRET', 'SLUICE_API_KEY', 'ADMIN_PASSWORD', 'API_KEY_PEPPER']

async function credentialsOf(home: string, env: Record<string, string> = {}) {
  const lines: string[] = []
  const write = (line: string) => void lines.push(line)
  const log = createLog({ process: 'local', level: 'debug', write })
  return { credentials: await ownCredentials({ home, env, log }), lines }
}

test('a first start makes each of them, for its owner alone, and later ones find them', async () => {
  await using home = await tempDir('credentials')
  const first = await credentialsOf(home.path, { JWT_SECRET: '', SLUICE_API_KEY: ' ' })
  assert.deepEqual((await readdir(home.path)).sort(), FILES)
  for (const file of FILES) {
    assert.equal((await stat(join(home.path, file))).mode & 0o777, OWNER_ONLY, file)
  }
  const values = Object.values(first.credentials)
  assert.equal(new Set(values).size, NAMES.length)
  for (const value of values) assert.ok(value.length >= 32)

  assert.equal(first.lines.length, 1)
  const { timestamp, ...said } = JSON.parse(first.lines[0] ?? '') as Record<string, unknown>
  assert.ok(timestamp)
  const { SLUICE_API_KEY, ADMIN_PASSWORD } = first.credentials
  const shown = { SLUICE_API_KEY, ADMIN_PASSWORD, kept_in: home.path }
  assert.deepEqual(said, {
    level: 'INFO',
    process: 'local',
    event: 'first_start',
    message: 'first start',
    ...shown,
  })

  const second = await credentialsOf(home.path)
  assert.deepEqual(second.credentials, first.credentials)
  assert.deepEqual(second.lines, [])
})

test('what is given is neither kept nor shown', async () => {
  await using home = await tempDir('credentials')
  const given = Object.fromEntries(NAMES.map((name) => [name, `given ${name} of some length`]))
  const { credentials, lines } = await credentialsOf(home.path, given)
  assert.deepEqual(credentials, given)
  assert.deepEqual([lines, await readdir(home.path)], [[], []])

  const { SLUICE_API_KEY = '', ...others } = given
  const { lines: some } = await credentialsOf(home.path, others)
  assert.equal(some.length, 1)
  assert.doesNotMatch(some[0] ?? '', /given|ADMIN_PASSWORD/)
  assert.ok(!(some[0] ?? '').includes(SLUICE_API_KEY))
})

test('the rest of the environment passes', () => {
  assert.deepEqual(withoutCredentials({ PATH: '/bin', JWT_SECRET: 'x' }), { PATH: '/bin' })
})

test('the launcher shows them at the first start, once, and at no other', async () => {
  await using home = await tempDir('credentials')
  const secrets: string[] = []
  for (const start of ['first', 'second']) {
    await using launched = await launchProcess({ main: FAKE_PLATFORM, home: home.path })
    await launched.ready()
    if (start === 'first') {
      for (const file of FILES) secrets.push((await readFile(join(home.path, file), 'utf8')).trim())
    }
    launched.kill('SIGTERM')
    await launched.exited
    const telling = launched.lines.filter((line) =>
      secrets.some((secret) => JSON.stringify(line).includes(secret)),
    )
    const events = telling.map(({ event }) => event)
    assert.deepEqual(events, start === 'first' ? ['first_start'] : [], start)
    if (start === 'first') {
      const { SLUICE_API_KEY, ADMIN_PASSWORD } = telling[0] ?? {}
      assert.deepEqual([ADMIN_PASSWORD, SLUICE_API_KEY], [secrets[0], secrets[2]])
    }
  }
})

test('only who lets people in is told', async () => {
  await using platform = await startPlatform()
  for (const [name, isTold] of [
    ['edge', true],
    ['handler', true],
    ['executor', false],
    ['projector', false],
  ] as const) {
    const environment = await readFile(`/proc/${platform.processes[name]}/environ`, 'utf8')
    for (const secret of Object.values(platform.credentials)) {
      assert.equal(environment.includes(secret), isTold, name)
    }
  }
  for (const line of platform.lines) {
    for (const secret of Object.values(platform.credentials)) assert.ok(!line.includes(secret))
  }
})
