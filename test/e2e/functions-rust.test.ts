/** A function in rust from its registration to its end, and a machine that cannot compile. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '#test/support/platform.ts'
import { fetchJson } from '#test/support/fetch-json.ts'
import { until } from '#test/support/until.ts'
import { FunctionsApi, freshName, type Job } from './functions-api.ts'

interface Health {
  readonly status: string
  readonly components: { readonly runtimes: Readonly<Record<string, string>> }
  readonly sandbox: { readonly runtimes?: Readonly<Record<string, string>> }
}

const SIGNATURE = 'fn handler(event: Json) -> Result<Json, String>'
const doubling = `${SIGNATURE} {
    println!("doubling");
    let n = event["n"].as_i64().ok_or("n has to be a whole number")?;
    Ok(json!({ "doubled": n * 2 }))
}`

const owned = new AsyncDisposableStack()
let platform: TestPlatform
let api: FunctionsApi
before(async () => {
  platform = owned.use(await startPlatform())
  api = new FunctionsApi(platform.url)
})
after(() => owned.disposeAsync())

test('rust: registered, called, failed, changed, deleted', async () => {
  const id = await api.register({ runtime: 'rust', code: doubling })
  const first = await api.call(id, { n: 21 })
  assert.deepEqual([first.status, first.result], ['success', { doubled: 42 }])
  const logs = await api.data<unknown>(200, `/jobs/${first.id}/logs`)
  assert.match(JSON.stringify(logs), /doubling/)

  const failed = await api.call(id, {})
  assert.equal(failed.status, 'failed')
  assert.deepEqual(
    [failed.error?.code, failed.error?.message],
    ['RUNTIME_ERROR', 'n has to be a whole number'],
  )

  const panicking = `${SIGNATURE} {\n    let list = [1, 2, 3];\n    Ok(json!(list[event["at"].as_u64().unwrap() as usize]))\n}`
  assert.equal(await api.change(id, { code: panicking }), 2)
  assert.equal((await api.call(id, { at: 2 })).result, 3)
  const { error } = await api.call(id, { at: 3 })
  assert.deepEqual(
    [error?.code, error?.message, error?.line, error?.column],
    ['RUNTIME_ERROR', 'index out of bounds: the len is 3 but the index is 3', 3, 14],
  )
  assert.equal((await api.remove(id)).status, 204)
})

test('rust: an accepted job ends', async () => {
  const id = await api.register({ runtime: 'rust', code: doubling, execution_type: 'async' })
  const { id: job } = await api.accept(id, { n: 4 })
  const ended: Job = await api.ended(job)
  assert.deepEqual([ended.status, ended.result], ['success', { doubled: 8 }])
})

test('rust: what does not compile is refused with its place, and the version stays', async () => {
  const broken = `${SIGNATURE} {\n    let n: i64 = event["n"];\n    Ok(json!(n))\n}`
  const json = { name: freshName(), runtime: 'rust', code: broken, execution_type: 'sync' }
  const refusal = await api.refusal(400, '/functions', { json })
  assert.equal(refusal.code, 'CODE_INVALID')
  const { field, line, column } = refusal.details
  assert.deepEqual([field, line, column], ['code', 2, 18])
  assert.match(refusal.message, /mismatched types/)

  const none = { ...json, code: 'fn main() {}' }
  const { message } = await api.refusal(400, '/functions', { json: none })
  assert.ok(message.includes(`The source defines no \`${SIGNATURE}\``), message)

  const id = await api.register({ runtime: 'rust', code: doubling })
  const change = { method: 'PUT', json: { code: broken } }
  assert.equal((await api.refusal(400, `/functions/${id}`, change)).code, 'CODE_INVALID')
  assert.deepEqual((await api.call(id, { n: 1 })).result, { doubled: 2 })
})

test('rust: health says that it can be used', async () => {
  await until(async () => {
    const { body } = await fetchJson<Health>(`${platform.url}/health`)
    assert.deepEqual(body.components.runtimes, { nodejs: 'ok', python: 'ok', rust: 'ok' })
    return body.sandbox.runtimes === undefined
  })
})

test('without rustc rust is refused with what to install, and the rest runs', async () => {
  await using bare = await startPlatform({ env: { SLUICE_RUSTC: '/nonexistent/rustc' } })
  const there = new FunctionsApi(bare.url)
  const json = { name: freshName(), runtime: 'rust', code: doubling, execution_type: 'sync' }
  const refusal = await there.refusal(503, '/functions', { json })
  assert.equal(refusal.code, 'UNAVAILABLE')
  assert.match(refusal.message, /rust runtime is unavailable.*install rust.*rustup/)

  const { body } = await until(async () => {
    const health = await fetchJson<Health>(`${bare.url}/health`)
    return health.status === 200 && health
  })
  assert.equal(body.status, 'healthy')
  assert.deepEqual(body.components.runtimes, { nodejs: 'ok', python: 'ok', rust: 'down' })
  assert.match(body.sandbox.runtimes?.['rust'] ?? '', /install rust/)

  for (const runtime of ['python', 'nodejs']) {
    const id = await there.register({ runtime, execution_type: 'async' })
    const { id: job } = await there.accept(id, { n: 1 })
    assert.deepEqual((await there.ended(job)).result, { n: 1 })
  }
})
