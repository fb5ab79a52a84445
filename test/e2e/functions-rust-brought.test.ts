/** Functions in rust on a machine that has no rustc: its distribution's packages are brought. */
import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startPlatform } from '#test/support/platform.ts'
import { bringRust } from '../../apps/local/provision/rust.ts'
import { FunctionsApi, freshName } from './functions-api.ts'

const SIGNATURE = 'fn handler(event: Json) -> Result<Json, String>'

test('rust: the brought compiler refuses what is wrong, and makes what runs', async () => {
  const tree = await bringRust(process.env)
  assert.ok(tree !== undefined, 'apt brings it')
  assert.ok((await stat(join(tree, 'usr/bin/rustc'))).isFile())

  await using platform = await startPlatform({ env: { SLUICE_RUSTC: tree } })
  const api = new FunctionsApi(platform.url)
  const code = `${SIGNATURE} { Ok(json!({ "doubled": event["n"].as_i64().ok_or("no n")? * 2 })) }`
  const id = await api.register({ runtime: 'rust', code })
  const { status, result } = await api.call(id, { n: 21 })
  assert.deepEqual([status, result], ['success', { doubled: 42 }])

  const broken = `${SIGNATURE} {\n    let n: i64 = event["n"];\n    Ok(json!(n))\n}`
  const json = { name: freshName(), runtime: 'rust', code: broken, execution_type: 'sync' }
  const refusal = await api.refusal(400, '/functions', { json })
  assert.deepEqual([refusal.code, refusal.details.line], ['CODE_INVALID', 2])
  assert.match(refusal.message, /mismatched types/)
})
