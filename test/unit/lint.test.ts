/** That the linter proves which way imports point: it is asked about files that break the rule. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { ESLint } from 'eslint'
import tseslint from 'typescript-eslint'

const RULES = new Set(['no-restricted-imports', 'import-x/no-restricted-paths'])

let eslint: ESLint
before(() => {
  // The rules about imports need no types, and files that exist nowhere have none.
  const overrideConfig = [tseslint.configs.disableTypeChecked] as ESLint.Options['overrideConfig']
  const overrideConfigFile = '.eslint.config.mjs'
  eslint = new ESLint({ overrideConfigFile, overrideConfig: overrideConfig ?? null })
})

async function complaints(filePath: string, from: string): Promise<(string | null)[]> {
  const [result] = await eslint.lintText(`import '${from}'\n`, { filePath })
  assert.ok(result)
  assert.equal(result.fatalErrorCount, 0, JSON.stringify(result.messages))
  return result.messages.map(({ ruleId }) => ruleId).filter((rule) => RULES.has(rule ?? ''))
}

const FORBIDDEN: readonly [string, string][] = [
  ['domain/x.ts', '../projections/database.ts'],
  ['domain/x.ts', '../apps/runtime/log.ts'],
  ['domain/x.ts', '#runtime/log.ts'],
  ['domain/x.ts', 'node:fs'],
  ['events/x.ts', '../sandbox/sandbox.ts'],
  ['events/x.ts', '../domain/problem.ts'],
  ['events/jetstream/x.ts', '../../domain/problem.ts'],
  ['projections/x.ts', '../domain/problem.ts'],
  ['projections/x.ts', '#domain/problem.ts'],
  ['sandbox/x.ts', '../events/streams.ts'],
  ['apps/executor/x.ts', '#projections/database.ts'],
  ['apps/executor/x.ts', '../../projections/database.ts'],
  ['apps/executor/x.ts', '../edge/knowledge/definitions.ts'],
  ['apps/edge/x.ts', '#sandbox/sandbox.ts'],
  ['apps/edge/x.ts', '../../sandbox/sandbox.ts'],
  ['apps/edge/x.ts', '../handler/main.ts'],
  ['apps/edge/x.ts', '../../test/support/until.ts'],
  ['apps/runtime/x.ts', '../edge/knowledge/definitions.ts'],
  ['apps/runtime/x.ts', '../../sandbox/sandbox.ts'],
]

for (const [file, from] of FORBIDDEN) {
  test(`${file} may not import ${from}`, async () => {
    assert.notDeepEqual(await complaints(file, from), [])
  })
}

const ALLOWED: readonly [string, string][] = [
  ['domain/x.ts', '#events/streams.ts'],
  ['domain/x.ts', './problem.ts'],
  ['projections/x.ts', '#events/streams.ts'],
  ['apps/executor/x.ts', '#sandbox/sandbox.ts'],
  ['apps/executor/x.ts', '#domain/job.ts'],
  ['apps/edge/x.ts', '#projections/database.ts'],
  ['apps/edge/x.ts', '#runtime/log.ts'],
  ['apps/edge/surfaces/x.ts', '../knowledge/definitions.ts'],
  ['apps/runtime/x.ts', '#events/streams.ts'],
  ['test/unit/x.ts', '../../apps/edge/knowledge/definitions.ts'],
]

for (const [file, from] of ALLOWED) {
  test(`${file} may import ${from}`, async () => {
    assert.deepEqual(await complaints(file, from), [])
  })
}
