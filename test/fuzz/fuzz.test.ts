/** The document holds for requests that nobody wrote. The seed of a failure is in its text. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { fuzzOptions } from './options.ts'
import { fuzzText } from './report.ts'
import { runFuzz } from './run.ts'

const REQUESTS = 2_000

test('every answer to a generated request is as the document says', async (t) => {
  const options = fuzzOptions([`--requests=${REQUESTS}`])
  const report = await runFuzz(options)
  t.diagnostic(fuzzText(report))
  assert.deepEqual(report.violations, [], `seed ${report.seed}`)
  const answered = [...report.statuses.values()].flatMap((counts) => [...counts.values()])
  assert.equal(
    answered.reduce((sum, count) => sum + count, 0),
    REQUESTS,
  )
})
