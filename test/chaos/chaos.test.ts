/** What is promised holds while any part may die at any time. The seed of a failure is in its text. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { chaosOptions } from './options.ts'
import { reportText } from './report.ts'
import { runChaos } from './run.ts'

const KILLS = 30

test('nothing accepted is lost or counted twice while parts are killed', async (t) => {
  const options = chaosOptions([`--kills=${KILLS}`])
  const report = await runChaos({ ...options, say: (text) => t.diagnostic(text) })
  const text = reportText(report)
  t.diagnostic(text)
  assert.equal(report.kills.length, KILLS, text)
  assert.deepEqual(report.journal.violations, [], text)
})
