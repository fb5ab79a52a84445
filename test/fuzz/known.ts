/**
 * What the platform has answered so far and a request may name again, and values that get further
 * than chance: a request that only ever meets 404 tests little.
 */
import type { Random } from '#test/support/random.ts'

const KEPT = 64

type Fields = Readonly<Record<string, unknown>>

/** By which of its fields a value in an answer is known, and where its id goes in a path. */
const LEARNED: readonly {
  readonly place: string
  readonly field: string
  readonly beside: readonly string[]
}[] = [
  { place: 'functions', field: 'id', beside: ['runtime', 'code'] },
  { place: 'functions', field: 'function_id', beside: [] },
  { place: 'jobs', field: 'id', beside: ['function_id', 'status'] },
  { place: 'jobs', field: 'job_id', beside: [] },
  { place: 'sessions', field: 'request_id', beside: ['expires_at'] },
  { place: 'execute', field: 'request_id', beside: ['expires_at'] },
  { place: 'functions', field: 'language_title', beside: [] },
  { place: 'optimizations', field: 'id', beside: ['chunk_id', 'priority'] },
  { place: 'documents', field: 'document_id', beside: [] },
  { place: 'users', field: 'username', beside: [] },
  { place: 'keys', field: 'id', beside: ['last_four'] },
  { place: 'dead-letters', field: 'id', beside: ['stream', 'consumer'] },
]

/** Of fields whose schema says little of what is good in them. */
const GOOD: Readonly<Record<string, readonly unknown[]>> = {
  code: [
    'def handler(event): return event',
    'function handler(event) { return event }',
    'function handler() { throw new Error("no") }',
    'def handler(event): return 1 / 0',
  ],
  runtime: ['python', 'nodejs', 'python', 'nodejs', 'python', 'nodejs', 'python', 'nodejs', 'rust'],
  cron: ['@yearly', '0 0 1 1 *', '* * * * *'],
  time_zone: ['UTC', 'Europe/Berlin', 'Asia/Seoul'],
  language_title: ['nodejs-fuzz-node', 'python-fuzz-echo'],
  'Language-Title': ['nodejs-fuzz-node', 'python-fuzz-echo'],
  query: [
    '{ functions { items { id name } } }',
    '{ optimizations { data { id overall_score } } }',
    'query ($id: Float!) { job(id: $id) { id } }',
    '{ __schema { types { name } } }',
    '{ a: __typename b: __typename',
  ],
  type: ['job.succeeded', 'job.*', 'function.*,analysis.completed', 'quality', 'size'],
  since: ['0', '5'],
  after: ['0', '1'],
  before: ['1', '2'],
  page: ['1', '2'],
  date_from: ['2026-01-01', '2026-01-01T00:00:00Z'],
  date_to: ['2099-01-01'],
  expires_at: ['2099-01-01T00:00:00Z'],
  scopes: [['read:functions'], ['jobs:read', 'chunks:read']],
  timeout_ms: [100, 1_000],
  params: [{ type: 'object' }, { type: 'object', required: ['n'] }, true],
  result: [true],
  run_at: ['2099-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
  delay: ['1', '60', '0'],
  chunk_id: ['chunk-1', 'chunk-2', 'chunk-3'],
  document_id: ['doc-1', 'doc-2'],
  content: [
    'The mouse builds its nest high among the stalks of wheat. It is green.',
    '千里之行，始于足下。',
  ],
  username: ['ada', 'bea', 'cyd'],
  password: ['correct horse battery'],
}

export class Known {
  readonly #ids = new Map<string, (string | number)[]>()
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** `place`: the word of the path before the id. */
  idAt(place: string): string | number | undefined {
    const ids = this.#ids.get(place)
    return ids === undefined ? undefined : this.#random.pick(ids)
  }

  goodFor(field: string): unknown {
    const values = GOOD[field]
    return values && this.#random.pick(values)
  }

  learn(value: unknown): void {
    if (Array.isArray(value)) return value.forEach((one) => this.learn(one))
    if (typeof value !== 'object' || value === null) return
    const fields = value as Fields
    for (const { place, field, beside } of LEARNED) {
      const id = fields[field]
      const isId = (typeof id === 'string' && id.length < 200) || typeof id === 'number'
      if (isId && beside.every((name) => name in fields)) this.#keep(place, id)
    }
    for (const inner of Object.values(fields)) this.learn(inner)
  }

  #keep(place: string, id: string | number): void {
    const ids = this.#ids.get(place) ?? []
    this.#ids.set(place, ids)
    if (ids.includes(id)) return
    if (ids.length < KEPT) ids.push(id)
    else ids[this.#random.below(KEPT)] = id
  }
}
