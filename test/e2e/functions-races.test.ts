/** Many at once on one function or one name: each gets a true answer, and they agree. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { FunctionsApi, freshName, type Answer } from './functions-api.ts'

const ROUNDS = 10
const AT_ONCE = 10

let platform: TestPlatform
let api: FunctionsApi
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
})
after(async () => {
  assert.deepEqual(
    platform.lines.filter((line) => line.includes('"level":"ERROR"')),
    [],
  )
  await platform.stop()
})

const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status).sort()
const times = <T>(make: (n: number) => T) => Array.from({ length: AT_ONCE }, (_, n) => make(n))

test('of many deletions one succeeds', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const id = await api.register()
    const answers = await Promise.all(times(() => api.remove(id)))
    assert.deepEqual(statuses(answers), [204, ...Array<number>(AT_ONCE - 1).fill(404)])
  }
})

test('of many functions that want one name, one gets it, and the others keep theirs', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const name = freshName()
    const ids = await Promise.all(times(() => api.register()))
    const answers = await Promise.all(
      ids.map((id) => api.ask(`/functions/${id}`, { method: 'PUT', json: { name } })),
    )
    assert.deepEqual(statuses(answers), [200, ...Array<number>(AT_ONCE - 1).fill(409)])
    const { functions } = await api.data<{ functions: { name: string }[] }>(200, '/functions')
    assert.equal(new Set(functions.map((one) => one.name)).size, functions.length)
  }
})

test('changes, runs and the deletion of one function may come together', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const id = await api.register({ execution_type: 'async' })
    const changing = times((n) =>
      api.ask(`/functions/${id}`, { method: 'PUT', json: { description: `${n}` } }),
    )
    const running = times((n) => api.invoke(id, n))
    const removing = api.remove(id)
    assert.equal((await removing).status, 204)
    const versions = (await Promise.all(changing))
      .filter(({ status }) => status === 200)
      .map(({ body }) => (body.data as { version: number }).version)
    assert.equal(new Set(versions).size, versions.length)
    for (const { status, body } of await Promise.all(running)) {
      assert.ok(status === 202 || status === 404, `${status}`)
      if (status === 202)
        assert.equal((await api.ended((body.data as { id: number }).id)).status, 'success')
    }
    await api.refusal(404, `/functions/${id}`)
  }
})

test('a name passes from hand to hand without being held twice', async () => {
  const name = freshName()
  let holder = await api.register({ name })
  for (let round = 0; round < ROUNDS; round++) {
    const json = {
      name,
      runtime: 'nodejs',
      code: 'exports.handler = (e) => e',
      execution_type: 'sync',
    }
    const [removed, ...claims] = await Promise.all([
      api.remove(holder),
      ...times(() => api.ask('/functions', { json })),
    ])
    assert.equal(removed.status, 204)
    const won = claims.filter(({ status }) => status === 201)
    assert.ok(won.length <= 1)
    assert.ok(claims.every(({ status }) => status === 201 || status === 409))
    const answer = won[0] ?? (await api.ask('/functions', { json }))
    assert.equal(answer.status, 201)
    holder = (answer.body.data as { function_id: number }).function_id
  }
})
