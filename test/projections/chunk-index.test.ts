/** The corpus: what its events make of it, whatever the batches that they come in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { keysFor } from '#domain/chunks/fingerprint.ts'
import { chunkMessageId, type AnalysisKind } from '#events/analyses.ts'
import { subjects } from '#events/subjects.ts'
import { isOutOfTime, nominate, sortInChunks } from '#projections/chunk-index.ts'
import { sealedFingerprint } from '../../apps/handler/fingerprints.ts'
import { fingerprint } from '../unit/chunks/reading.ts'
import { openWorld, OWNER, said, rebuild, toldInBatches, type Said, type World } from './fixture.ts'
import { again, later } from './happenings.ts'

const printOf = (content: string) => fingerprint(content)!
const text = (of: string) => Array.from({ length: 40 }, (_, i) => `${of}${i}`).join(' ')
const METRICS = {
  ...{ quality_score: 1, redundancy_score: 0, size_score: 1, similarity_score: 0 },
  overall_score: 1,
}

interface Analysed {
  readonly kind?: AnalysisKind
  readonly name?: string
  readonly owner?: string
  /** Content by chunk; empty: without a fingerprint. */
  readonly chunks: Readonly<Record<string, string>>
}

function analysed(
  step: number,
  { kind = 'document', name = 'd', owner = OWNER, chunks }: Analysed,
): Said {
  const analysis_id = `a${step}`
  const print = (content: string) => sealedFingerprint(fingerprint(content), owner)
  return {
    subject: subjects.analysisCompleted(kind),
    message: said(chunkMessageId.completed(analysis_id), 'analysis.completed', analysis_id, {
      ...{ analysis_id, owner, kind, name, options: {}, created_at: later(step) },
      ...{ clusters: [], similarity_floor: 0, truncated: false },
      chunks: Object.entries(chunks).map(([chunk_id, content]) => ({
        ...{ content_hash: content, tokens: 1, optimizations: [] },
        metrics: { chunk_id, ...METRICS },
      })),
      fingerprints: Object.values(chunks).map(print),
    }),
  }
}

const HAPPENED: readonly Said[] = [
  analysed(1, { chunks: { a: text('a'), b: text('b'), c: text('c') } }),
  analysed(2, { name: 'e', chunks: { a: text('a') } }),
  analysed(3, { kind: 'chunk', name: 'x', chunks: { x: text('x') } }),
  analysed(4, { kind: 'batch', name: 'y', chunks: { x: text('a'), y: text('y'), z: text('z') } }),
  analysed(5, { owner: 'eve', chunks: { a: text('a') } }),
  analysed(6, { chunks: { a: text('n'), b: text('b') } }),
  again(analysed(6, { chunks: { a: text('n'), b: text('b') } })),
  analysed(7, { name: 'f', chunks: { a: text('f') } }),
  analysed(8, { name: 'f', chunks: {} }),
  analysed(9, { kind: 'chunk', name: 'z', chunks: { z: '' } }),
]

/** Where a text lies in the corpus. */
async function placesOf(world: World, content: string, owner = OWNER, document_id = '') {
  const { bands } = keysFor(owner, printOf(content).keys)
  const found = await nominate(world.db, {
    ...{ owner, document_id, probes: [bands], max: 100, timeoutMs: 5_000 },
  })
  return found.map((row) => `${row.document_id}/${row.chunk_id}`).toSorted()
}

async function rows(world: World) {
  const found = await world.db
    .selectFrom('chunk_index')
    .selectAll()
    .orderBy('owner')
    .orderBy('document_id')
    .orderBy('chunk_id')
    .execute()
  return found.map((row) => ({ ...row, tokens: row.tokens.toString('hex') }))
}

/** By which word of `text` these tokens were made. */
const textOf = (tokens: string) =>
  ['a', 'b', 'c', 'n', 'x', 'y'].find((of) => sealed(text(of)) === tokens)

const sealed = (content: string) =>
  Buffer.from(sealedFingerprint(printOf(content), OWNER)?.tokens ?? '', 'base64').toString('hex')

test('a document is what its newest analysis says, in one batch as in many', async () => {
  for await (const [world, size] of toldInBatches(HAPPENED, [1, 3])) {
    const places = (await rows(world)).map((row) =>
      [row.owner, row.document_id, row.chunk_id, textOf(row.tokens)].join(' '),
    )
    assert.deepEqual(
      places,
      ['eve d a a', 'local  x a', 'local  y y', 'local d a n', 'local d b b', 'local e a a'],
      `${size} at a time`,
    )
    assert.deepEqual(await placesOf(world, text('a')), ['/x', 'e/a'])
    assert.deepEqual(await placesOf(world, text('c')), [])
  }
})

test('what says the same again is not written again, but on another day', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  const written = async () => {
    await world.projected()
    const { rows } = await sql<{ chunk_id: string; by: string }>`
      select chunk_id, xmin::text as by from chunk_index order by chunk_id`.execute(world.db)
    return new Map(rows.map(({ chunk_id, by }) => [chunk_id, by]))
  }
  await world.say([analysed(1, { chunks: { a: text('a'), b: text('b'), c: text('c') } })])
  const first = await written()
  await world.say([analysed(2, { chunks: { a: text('a'), b: text('n'), d: text('c') } })])
  const second = await written()
  assert.deepEqual([...second.keys()], ['a', 'b', 'd'])
  assert.equal(second.get('a'), first.get('a'))
  assert.notEqual(second.get('b'), first.get('b'))
  await world.db.updateTable('chunk_index').set({ analysed_on: '2020-01-01' }).execute()
  await world.say([analysed(3, { chunks: { a: text('a') } })])
  assert.deepEqual([...(await written()).keys()], ['a'])
  const [row] = await rows(world)
  assert.notEqual(row?.analysed_on, '2020-01-01')
})

test('a fingerprint of before, with rows of its own, is in no corpus', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  const recorded = analysed(1, { chunks: { a: text('a') } })
  const { fingerprints, ...data } = recorded.message.data as { fingerprints: readonly object[] }
  const before = fingerprints.map((one) => ({ ...one, grams: '' }))
  await world.say([
    { ...recorded, message: { ...recorded.message, data: { ...data, fingerprints: before } } },
    analysed(2, { name: 'e', chunks: { b: text('b') } }),
  ])
  await world.projected()
  assert.deepEqual(await placesOf(world, text('a')), [])
  assert.deepEqual(await placesOf(world, text('b')), ['e/b'])
})

test('nobody finds what is somebody else’s, and a document not itself', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  await world.say(HAPPENED)
  await world.projected()
  assert.deepEqual(await placesOf(world, text('a'), 'eve'), ['d/a'])
  assert.deepEqual(await placesOf(world, text('y'), 'eve'), [])
  assert.deepEqual(await placesOf(world, text('a'), OWNER, 'e'), ['/x'])
  // Even who knows the keys of another owner.
  const { bands } = keysFor(OWNER, printOf(text('a')).keys)
  const asked = { owner: 'eve', document_id: '', probes: [bands], max: 9, timeoutMs: 5_000 }
  assert.deepEqual(await nominate(world.db, asked), [])
})

test('a search in a crowd of equals gives so many and no more, or ends in time', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  const crowd = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`c${i}`, text('a')]))
  await world.say([analysed(1, { chunks: crowd })])
  await world.projected()
  const { same, bands } = keysFor(OWNER, printOf(text('a')).keys)
  const asked = { owner: OWNER, document_id: '', probes: [same, bands], max: 33 }
  const found = await nominate(world.db, { ...asked, timeoutMs: 5_000 })
  assert.deepEqual(
    [0, 1].map((probe) => found.filter((row) => row.probe === probe).length),
    [33, 33],
  )
  await sortInChunks(world.db)
  assert.deepEqual((await nominate(world.db, { ...asked, timeoutMs: 5_000 })).length, 66)
  const many = { ...asked, probes: Array.from({ length: 500 }, () => bands), timeoutMs: 1 }
  await assert.rejects(nominate(world.db, many), isOutOfTime)
  assert.equal((await placesOf(world, text('a'))).length, 100)
})

test('a rebuild makes the same of it, and keeps what the log has let go of', async () => {
  await using world = await openWorld()
  {
    await using running = world.project()
    assert.ok(running)
    await world.say(HAPPENED)
    await world.projected()
  }
  // As if the document had been analysed long ago.
  const analysed_on = '2020-01-01'
  await world.db
    .updateTable('chunk_index')
    .set({ analysed_on })
    .where('document_id', '=', 'e')
    .execute()
  await world.bus.jsm.streams.deleteMessage('EVENTS', 2)
  const before = await rows(world)
  await world.db.deleteFrom('chunk_index').where('document_id', '<>', 'e').execute()
  await rebuild(world)
  assert.deepEqual(await rows(world), before)
})
