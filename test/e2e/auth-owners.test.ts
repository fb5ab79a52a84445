/** What belongs to somebody else is, on every route, as unknown as what is not there. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { ROUTES } from '../../apps/edge/access/routes.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { bearer, tokenOf } from '../support/tokens.ts'
import { FunctionsApi, type Job } from './functions-api.ts'

const UNKNOWN = 900_000_000
const OWN_ID = /:(function_id|id)\b/
/** Of functions and jobs; whoever adds another kind of id adds what is theirs of it. */
const WITH_IDS = Object.keys(ROUTES)
  .map((name) => name.split(' ') as [string, string])
  .filter(([, template]) => /^\/(functions|jobs)\//.test(template))

let platform: TestPlatform
let ada: FunctionsApi
let eve: FunctionsApi
let theirs: { readonly function_id: number; readonly job_id: number }
before(async () => {
  platform = await startPlatform({ env: { AUTH: 'required', RATE_LIMITS: 'off' } })
  const as = async (subject: string) =>
    new FunctionsApi(platform.url, bearer(await tokenOf(platform, { subject, scopes: ['admin'] })))
  ada = await as('ada')
  eve = await as('eve')
  // Not 1, which a version is too.
  await ada.register()
  const function_id = await ada.register({ name: 'of-ada' })
  const { id: job_id }: Job = await ada.call(function_id)
  theirs = { function_id, job_id }
})
after(() => platform.stop())

/** Eve's answer, without what differs from id to id and from request to request. */
async function seenByEve(method: string, path: string, id: number) {
  const json = method === 'GET' ? {} : { json: {} }
  const { status, headers, body } = await eve.ask(path, { method, ...json })
  const requestId = headers.get('x-request-id') ?? ''
  const text = JSON.stringify(body).replaceAll(requestId, '<request>').replaceAll(`${id}`, '<id>')
  return { status, text }
}

for (const [method, template] of WITH_IDS) {
  it(`${method} ${template} tells nothing of it`, async () => {
    const ask = (ids: typeof theirs) => {
      const id = template.startsWith('/functions') ? ids.function_id : ids.job_id
      const path = template.replace(OWN_ID, String(id)).replace(/:\w+/g, '1')
      return seenByEve(method, path, id)
    }
    const unknown = await ask({ function_id: UNKNOWN, job_id: UNKNOWN })
    assert.equal(unknown.status, 404, unknown.text)
    assert.deepEqual(await ask(theirs), unknown)
  })
}

it('is in no list, behind no cursor, and its name is free', async () => {
  const { functions } = await eve.data<{ functions: unknown[] }>(200, '/functions')
  assert.deepEqual(functions, [])
  const own = await eve.register({ name: 'of-ada' })
  assert.notEqual(own, theirs.function_id)
  const before = (id: number) => seenByEve('GET', `/functions/${own}/jobs?before=${id}`, id)
  const unknown = await before(UNKNOWN)
  assert.equal(unknown.status, 400)
  assert.deepEqual(await before(theirs.job_id), unknown)
})

it('is still there for its owner', async () => {
  assert.equal((await ada.job(theirs.job_id)).status, 'success')
  assert.equal((await ada.call(theirs.function_id)).status, 'success')
})
