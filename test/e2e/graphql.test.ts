/** GraphQL tells what the REST APIs tell, to whom they tell it, and no more of it at once. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { bearer, tokenOf } from '../support/tokens.ts'
import { chunk, SAMPLE, type Fields } from './chunks-api.ts'
import { FunctionsApi } from './functions-api.ts'
import { FUNCTION, GraphqlApi, JOB, METRICS, OPTIMIZATION } from './graphql-api.ts'
import { HOSTILE } from './graphql-hostile.ts'
import { GraphqlReader } from './graphql-reader.ts'
import { fetchJson } from '../support/fetch-json.ts'

let platform: TestPlatform
let ada: GraphqlApi
let adasRest: FunctionsApi
let adasToken: Readonly<Record<string, string>>
let functionId: number
let jobIds: number[]

before(async () => {
  platform = await startPlatform({ env: { AUTH: 'required', RATE_LIMITS: 'off' } })
  adasToken = bearer(await tokenOf(platform, { subject: 'ada', scopes: ['admin'] }))
  ada = new GraphqlApi(platform.url, adasToken)
  adasRest = new FunctionsApi(platform.url, adasToken)
  functionId = await adasRest.register({
    schedule: { cron: '0 0 1 1 *', enabled: true },
    schema: { params: { type: 'object' } },
    env: { A: 'b' },
  })
  await adasRest.change(functionId, { description: 'again' })
  jobIds = []
  for (const n of [1, 2, 3]) jobIds.unshift((await adasRest.call(functionId, { n })).id)
  const chunks = [chunk(SAMPLE, 'c-1'), chunk(SAMPLE, 'c-2'), chunk(`${SAMPLE} More.`, 'c-3')]
  await rest('/api/v1/documents/analyze', { document_id: 'doc', chunks })
})
after(() => platform[Symbol.asyncDispose]())

/** The body of Ada's answer with 200. */
async function rest<T = Fields>(path: string, json?: unknown): Promise<T> {
  const request = json === undefined ? {} : { json }
  const url = `${platform.url}${path}`
  const { status, body } = await fetchJson<T>(url, { ...request, headers: adasToken })
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

const data = async <T>(path: string) => (await rest<{ data: T }>(path)).data

/** What GraphQL answers with null, REST may leave out. */
const withoutNulls = (fields: Fields) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))

/** Somebody with these scopes only. */
async function somebody(subject: string, ...scopes: Parameters<typeof tokenOf>[1]['scopes']) {
  return new GraphqlApi(platform.url, bearer(await tokenOf(platform, { subject, scopes })))
}

it('shows functions, versions, metrics and jobs as REST does', async () => {
  const answer = await ada.data<Record<string, Fields>>(
    `query ($id: SafeInt!, $job: SafeInt!) {
      function(id: $id) { ${FUNCTION} metrics { ${METRICS} } jobs { jobs { ${JOB} } has_more } }
      functions { functions { ${FUNCTION} } has_more next_after }
      versions(function_id: $id) { versions { ${FUNCTION} } has_more }
      function_metrics(function_id: $id) { ${METRICS} }
      jobs(function_id: $id, status: success) { jobs { ${JOB} } has_more next_after }
      job(id: $job) { ${JOB} input logs { logs { stream time text } truncated } function { name } }
    }`,
    { id: functionId, job: jobIds[0] },
  )
  const at = `/functions/${functionId}`
  const shown = await data<Fields>(at)
  const metrics = await data<Fields>(`${at}/metrics`)
  const { jobs } = await data<{ jobs: readonly Fields[] }>(`${at}/jobs`)
  const { versions } = await data<{ versions: readonly Fields[] }>(`${at}/versions`)
  assert.deepEqual(answer['function'], { ...shown, metrics, jobs: { jobs, has_more: false } })
  assert.deepEqual(answer['functions'], { functions: [shown], has_more: false, next_after: null })
  assert.deepEqual(answer['versions'], { versions, has_more: false })
  assert.deepEqual(answer['function_metrics'], metrics)
  assert.deepEqual(answer['jobs'], { jobs, has_more: false, next_after: null })
  assert.deepEqual(answer['job'], {
    ...(await data<Fields>(`/jobs/${jobIds[0]}`)),
    logs: await data<Fields>(`/jobs/${jobIds[0]}/logs`),
    function: { name: shown['name'] },
  })
})

it('shows optimizations as REST does, by the same filters, order and pages', async () => {
  interface Page {
    readonly data: readonly Fields[]
    readonly pagination: Fields
  }
  const all = await rest<Page>('/api/v1/optimizations?document_id=doc')
  const day = String(all.data[0]?.['created_at']).slice(0, 10)
  const range = { date_from: day, date_to: day }
  const { optimizations } = await ada.data<{ optimizations: Page }>(
    `query ($filter: OptimizationFilter) {
      optimizations(filter: $filter, sort_by: priority, order: asc, page: 2, per_page: 2) {
        data { ${OPTIMIZATION} } pagination { page per_page total total_pages }
      }
    }`,
    { filter: { document_id: 'doc', status: 'pending', max_score: 0.99, ...range } },
  )
  const same = `document_id=doc&status=pending&max_score=0.99&date_from=${day}&date_to=${day}`
  const page = await rest<Page>(
    `/api/v1/optimizations?${same}&sort_by=priority&order=asc&page=2&per_page=2`,
  )
  assert.ok(page.data.length > 0)
  assert.deepEqual(optimizations.data.map(withoutNulls), page.data)
  assert.deepEqual(optimizations.pagination, page.pagination)

  const id = String(page.data[0]?.['id'])
  const { optimization } = await ada.data<{ optimization: Fields }>(
    `query ($id: ID!) { optimization(id: $id) { ${OPTIMIZATION} } }`,
    { id },
  )
  assert.deepEqual(withoutNulls(optimization), await rest(`/api/v1/optimizations/${id}`))
})

it('reads what was just written', async () => {
  const id = await adasRest.register({ name: 'fresh' })
  const query = 'query ($id: SafeInt!) { function(id: $id) { id name } }'
  assert.deepEqual(await ada.data(query, { id }), { function: { id, name: 'fresh' } })
  await adasRest.remove(id)
  assert.equal((await ada.error(200, query, { id })).extensions?.code, 'NOT_FOUND')
})

it('pages on after what was seen', async () => {
  const others = [await adasRest.register(), await adasRest.register()]
  interface Page {
    readonly functions: readonly { readonly id: number }[]
    readonly has_more: boolean
    readonly next_after: number | null
  }
  const seen: number[] = []
  for (let after: number | null = null; ;) {
    const page: Page = (
      await ada.data<{ functions: Page }>(
        'query ($after: SafeInt) { functions(first: 1, after: $after) { functions { id } has_more next_after } }',
        { after },
      )
    ).functions
    seen.push(...page.functions.map(({ id }) => id))
    assert.equal(page.has_more, page.next_after !== null)
    if (!page.has_more) break
    after = page.next_after
  }
  assert.deepEqual(seen, [functionId, ...others])

  const jobs = async (after: string) => {
    const asked = `jobs(function_id: ${functionId}, first: 2 ${after}) { jobs { id } next_after }`
    const answer = await ada.data<{ jobs: { jobs: { id: number }[]; next_after: number } }>(
      `{ ${asked} }`,
    )
    return answer.jobs
  }
  const newest = await jobs('')
  assert.deepEqual([...newest.jobs.map(({ id }) => id)], jobIds.slice(0, 2))
  const rest = await jobs(`after: ${newest.next_after}`)
  assert.deepEqual(
    rest.jobs.map(({ id }) => id),
    jobIds.slice(2),
  )

  const versions = `{ versions(function_id: ${functionId}, first: 1, after: 2) { versions { version } has_more } }`
  assert.deepEqual(await ada.data(versions), {
    versions: { versions: [{ version: 1 }], has_more: false },
  })
})

it('refuses pages that are too long, in the words of REST', async () => {
  const refused = await ada.error(200, '{ functions(first: 101) { has_more } }')
  assert.equal(refused.extensions?.code, 'INVALID_REQUEST')
  assert.match(refused.message, /first must be a whole number from 1 to 100/)
  const code = async (query: string) => (await ada.error(200, query)).extensions?.code
  assert.equal(await code('{ optimizations(per_page: 0) { data { id } } }'), 'VALIDATION_FAILED')
  assert.equal(
    await code('{ optimizations(filter: { min_score: 2 }) { data { id } } }'),
    'VALIDATION_FAILED',
  )
  const crossed = '{ optimizations(filter: { min_score: 0.5, max_score: 0.4 }) { data { id } } }'
  assert.match((await ada.error(200, crossed)).message, /^min_score must not .* max_score$/)
  assert.equal(
    await code('{ optimizations(filter: { date_from: "soon" }) { data { id } } }'),
    'INVALID_REQUEST',
  )
  assert.equal(
    await code(`{ jobs(function_id: ${functionId}, after: 999999) { has_more } }`),
    'INVALID_REQUEST',
  )
})

it('shows nobody what belongs to somebody else', async () => {
  const eve = await somebody('eve', 'admin')
  const { data: optimizations } = await rest<{ data: Fields[] }>('/api/v1/optimizations')
  const asked = {
    function: `function(id: ${functionId}) { id }`,
    versions: `versions(function_id: ${functionId}) { has_more }`,
    function_metrics: `function_metrics(function_id: ${functionId}) { success_rate }`,
    jobs: `jobs(function_id: ${functionId}) { has_more }`,
    job: `job(id: ${jobIds[0]}) { id }`,
    optimization: `optimization(id: "${String(optimizations[0]?.['id'])}") { id }`,
  }
  const fields = Object.entries(asked)
  const { body } = await eve.ask(`{ ${fields.map(([, field]) => field).join(' ')} }`)
  assert.deepEqual(body.data, Object.fromEntries(fields.map(([name]) => [name, null])))
  assert.deepEqual(
    body.errors?.map(({ path, extensions }) => [path?.[0], extensions?.code]).sort(),
    fields.map(([name]) => [name, 'NOT_FOUND']).sort(),
  )
  const lists = await eve.data(
    '{ functions { functions { id } } optimizations { data { id } pagination { total } } }',
  )
  assert.deepEqual(lists, {
    functions: { functions: [] },
    optimizations: { data: [], pagination: { total: 0 } },
  })
})

it('wants for each field the scope of its REST route', async () => {
  const jobs = await somebody('ada', 'jobs:read')
  const { body } = await jobs.ask(
    `{ job(id: ${jobIds[0]}) { id function { name } } optimization(id: "x") { id } }`,
  )
  assert.deepEqual(body.data, { job: { id: jobIds[0], function: null }, optimization: null })
  assert.deepEqual(
    body.errors?.map(({ path, extensions }) => [path?.join('.'), extensions]).sort(),
    [
      ['job.function', { code: 'FORBIDDEN', details: { required_scope: ['read:functions'] } }],
      [
        'optimization',
        { code: 'FORBIDDEN', details: { required_scope: ['chunks:read', 'chunks:write'] } },
      ],
    ],
  )
  const reader = await somebody('ada', 'read:functions')
  const nested = await reader.ask(`{ function(id: ${functionId}) { id jobs { has_more } } }`)
  assert.deepEqual(nested.body.data, { function: { id: functionId, jobs: null } })
  assert.equal(nested.body.errors?.[0]?.extensions?.code, 'FORBIDDEN')

  const stranger = await (await somebody('ada', 'keys:write')).ask('{ __typename }')
  assert.equal(stranger.status, 403)
  assert.equal((await new GraphqlApi(platform.url).ask('{ __typename }')).status, 401)
})

it('holds to its limits before it does anything', async () => {
  const limits: Record<string, string> = {
    depth: `{ job(id: 1) ${'{ function { jobs(first: 1) { jobs '.repeat(2)}{ function { id } ${'} } } '.repeat(2)} } }`,
    aliases: `{ ${Array.from({ length: 31 }, (_, n) => `a${n}: __typename`).join(' ')} }`,
    fields: `{ ${'__typename '.repeat(501)} }`,
    cost: '{ functions(first: 21) { functions { jobs(first: 1) { has_more } } } }',
  }
  for (const [limit, query] of Object.entries(limits)) {
    const { extensions } = await ada.error(400, query)
    assert.equal(extensions?.code, 'INVALID_REQUEST')
    assert.equal(extensions.details?.['limit'], limit)
  }
  const long = await ada.error(400, `{ ${'x '.repeat(2_000)} }`)
  assert.match(long.message, /more that 2000 tokens/)
  const byVariable =
    'query ($n: Int = 100) { functions(first: $n) { functions { jobs { has_more } } } }'
  assert.equal((await ada.error(400, byVariable)).extensions?.details?.['limit'], 'cost')
  await ada.data(byVariable, { n: 2 })
  const spread = Array.from(
    { length: 60 },
    (_, n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`,
  )
  const bomb = `{ ...f0 } ${spread.join(' ')} fragment f60 on Query { __typename }`
  assert.equal((await ada.error(400, bomb)).extensions?.details?.['limit'], 'fields')
})

it('gives no answer that names the same large values again and again', async () => {
  const id = await adasRest.register({ code: 'def handler(event): return "x" * 250000' })
  for (let n = 0; n < 8; n++) await adasRest.call(id)
  const asked = (names: string) => `{ jobs(function_id: ${id}) { jobs { ${names} } } }`
  const names = Array.from({ length: 25 }, (_, n) => `r${n}: result`)
  const { status, body } = await ada.ask(asked(names.join(' ')))
  assert.equal(status, 400)
  assert.deepEqual(body.errors?.[0]?.extensions?.details, { limit: 'bytes', max: 32 * 1024 ** 2 })
  assert.equal((await ada.ask(asked(names.slice(0, 10).join(' ')))).status, 200)
})

it('explains itself to whoever introspects', async () => {
  const { getIntrospectionQuery, buildClientSchema } = await import('graphql')
  const schema = buildClientSchema(await ada.data(getIntrospectionQuery()))
  assert.ok(schema.getType('Optimization'))
  const deep = '{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }'
  assert.match((await ada.error(400, deep)).message, /introspection depth/)
})

it('answers hostile requests with what is wrong with them', async () => {
  for (const [expected, body] of HOSTILE) {
    const { status, body: answer } = await ada.send(body)
    assert.equal(status, expected, `${JSON.stringify(body)}: ${JSON.stringify(answer)}`)
    const codes = (answer.errors ?? []).map(({ extensions }) => extensions?.code)
    assert.ok(!codes.includes('INTERNAL'), `${JSON.stringify(body)}: ${JSON.stringify(answer)}`)
    assert.ok(!codes.includes(undefined), `${JSON.stringify(body)}: ${JSON.stringify(answer)}`)
  }
  const byId = 'query ($id: SafeInt!) { job(id: $id) { id } }'
  const wrong = await ada.error(400, byId, { id: '1' })
  assert.equal(wrong.extensions?.code, 'BAD_USER_INPUT')
  assert.match(wrong.message, /^Variable "\$id" got invalid value "1"/)
  const ofJob = { query: 'subscription ($id: SafeInt!) { job(id: $id) { id } }', variables: {} }
  using reader = await GraphqlReader.open(platform.url, ofJob, adasToken)
  assert.equal(await reader.ended, true)
  assert.equal(reader.values[0]?.errors?.[0]?.extensions?.code, 'BAD_USER_INPUT')
  const mutation = await ada.error(400, 'mutation { x }')
  assert.equal(mutation.extensions?.code, 'GRAPHQL_VALIDATION_FAILED')
  const url = `${platform.url}/graphql`
  const raw = async (body: string, headers: Readonly<Record<string, string>>, method = 'POST') => {
    const response = await fetch(url, { method, body, headers: { ...adasToken, ...headers } })
    await response.arrayBuffer()
    return response.status
  }
  const json = { 'content-type': 'application/json' }
  const query = '{ __typename }'
  assert.equal(await raw('{"query":', json), 400)
  assert.equal(await raw('', json), 400)
  assert.equal(await raw(`{"query":${'['.repeat(600)}${']'.repeat(600)}}`, json), 400)
  assert.equal(await raw(JSON.stringify({ query: ' '.repeat(70_000) }), json), 413)
  assert.equal(await raw(query, { 'content-type': 'application/graphql' }), 415)
  assert.equal(
    await raw(`query=${query}`, { 'content-type': 'application/x-www-form-urlencoded' }),
    415,
  )
  assert.equal(await raw('{}', json, 'PUT'), 405)
  const got = await fetch(`${url}?query=${encodeURIComponent(query)}`, { headers: adasToken })
  assert.equal(got.status, 405)
  assert.equal(got.headers.get('allow'), 'POST, OPTIONS')
  await got.arrayBuffer()
})

it('speaks the media type that is asked for', async () => {
  const refused = async (accept: string) => {
    const { status, headers } = await ada.send({ query: '{ nothing }' }, { accept })
    return [status, headers.get('content-type')]
  }
  const own = 'application/graphql-response+json; charset=utf-8'
  assert.deepEqual(await refused('*/*'), [400, own])
  assert.deepEqual(await refused(`application/json, application/graphql-response+json`), [400, own])
  // So the specification wants it of the older type.
  assert.deepEqual(await refused('application/json'), [200, 'application/json; charset=utf-8'])
})

it('says that it could not look, rather than that nothing is there', async () => {
  const thaw = platform.freeze('projector')
  try {
    await adasRest.register({ name: 'not yet' })
    const { body } = await ada.ask('{ functions { has_more } job(id: 900000000) { id } }')
    assert.equal(body.extensions?.['stale'], true)
    assert.equal(body.errors?.[0]?.extensions?.code, 'UNAVAILABLE')
  } finally {
    thaw()
  }
  const isFresh = async () =>
    (await ada.ask('{ functions { has_more } }')).body.extensions === undefined
  await until(isFresh, { what: 'a fresh answer' })
})
