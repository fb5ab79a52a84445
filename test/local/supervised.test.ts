/** Keeping one program running, with real child processes. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { backoffMs } from '../../apps/local/backoff.ts'
import { Supervised } from '../../apps/local/supervised.ts'
import { isAlive } from '../support/alive.ts'
import { quietLog } from '../support/quiet-log.ts'
import { OBEDIENT, scripted, STUBBORN } from '../support/scripted.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const STOP_MS = 2_000
const log = quietLog('test')

function supervise(script: string, env: Record<string, string> = {}) {
  const part = new Supervised(scripted({ name: 'child', script, env }), log)
  return Object.assign(part, { [Symbol.asyncDispose]: () => part.stop(STOP_MS) })
}

test('a killed child is started again', async () => {
  await using child = supervise(OBEDIENT)
  await child.ready
  const first = child.pid
  assert.ok(first)
  await child.kill()
  const second = await until(() => child.pid !== first && child.pid)
  assert.ok(await isAlive(second))
  assert.equal(await isAlive(first), false)
})

test('a stopped child stays down', async () => {
  const child = supervise(OBEDIENT)
  await child.ready
  const pid = child.pid
  assert.ok(pid)
  await child.stop(STOP_MS)
  assert.equal(child.pid, undefined)
  assert.equal(await isAlive(pid), false)
  await child.stop(STOP_MS)
})

test('a child that does not listen is killed when its time is up', async () => {
  const child = supervise(STUBBORN)
  await child.ready
  const pid = child.pid
  assert.ok(pid)
  await child.stop(50)
  assert.equal(await isAlive(pid), false)
})

test('a child that never becomes ready is given up', async () => {
  await using child = supervise('process.exit(3)')
  await assert.rejects(child.ready, { code: 'PROGRAM_FAILED', message: /exit|"code":3/ })
})

test('a child that was ready once is restarted however often it fails', async () => {
  await using directory = await tempDir('supervised')
  const script = `
    const { appendFileSync, readFileSync } = require('node:fs')
    appendFileSync(process.env.STARTS, '.')
    console.log('ready')
    if (readFileSync(process.env.STARTS).length < 7) process.exitCode = 1
    else setInterval(() => {}, 1_000)
  `
  const starts = join(directory.path, 'starts')
  await using child = supervise(script, { STARTS: starts })
  await child.ready
  await until(async () => (await readFile(starts)).length === 7)
})

test('delays double, stay bounded and are spread', () => {
  assert.equal(backoffMs(0, 0), 50)
  assert.equal(backoffMs(3, 0), 400)
  assert.equal(backoffMs(3, 1), 200)
  assert.equal(backoffMs(40, 0), 5_000)
})
