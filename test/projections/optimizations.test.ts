/** Suggestions and what was decided of them, whatever the batches that they come in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  chunkMessageId,
  type AnalysedChunk,
  type Optimization,
  type SettledStatus,
} from '#events/analyses.ts'
import { subjects } from '#events/subjects.ts'
import { findDocumentReport } from '#projections/document-reports.ts'
import { findOptimization, pageOfOptimizations } from '#projections/optimization-queries.ts'
import { forgetLapsed } from '#projections/optimizations.ts'
import { settledAmong } from '#projections/settlements.ts'
import { openWorld, OWNER, said, rebuild, toldInBatches, type Said, type World } from './fixture.ts'
import { later } from './happenings.ts'

type Found = readonly [chunk: string, hash: string, ...types: Optimization['type'][]]

const idOf = (chunk: string, hash: string, type: string) => `${chunk}-${hash}-${type}`

function analysed(step: number, ...found: Found[]): Said {
  const created_at = later(step)
  const chunks = found.map(([chunk_id, content_hash, ...types]): AnalysedChunk => ({
    content_hash,
    tokens: 1,
    metrics: {
      chunk_id,
      ...{ quality_score: 0, redundancy_score: 0, size_score: 0, similarity_score: 0 },
      overall_score: step / 100,
    },
    optimizations: types.map((type) => ({
      id: idOf(chunk_id, content_hash, type),
      ...{ chunk_id, type, created_at, priority: 'low', title: `at ${step}` },
      status: type === 'info' ? 'applied' : 'pending',
      ...{ description: '', suggested_action: '', related_chunks: [] },
    })),
  }))
  const id = chunkMessageId.completed(`a${step}`)
  return {
    subject: subjects.analysisCompleted('batch'),
    message: said(id, 'analysis.completed', `a${step}`, {
      ...{ analysis_id: `a${step}`, owner: OWNER, kind: 'batch', name: 'b', options: {} },
      ...{ chunks, clusters: [], similarity_floor: 0, truncated: false, created_at },
    }),
  }
}

function settled(step: number, optimization_id: string, status: SettledStatus): Said {
  const settled_at = later(step)
  return {
    subject: subjects.optimizationSettled(status),
    message: said(chunkMessageId.settled(`s${step}`), 'optimization.settled', optimization_id, {
      ...{ optimization_id, owner: OWNER, status, settled_at },
    }),
  }
}

/** The same as all that there is of a document, whose suggestions are its own. */
function asDocument({ message }: Said, name: string, owner = OWNER): Said {
  const { chunks, ...rest } = message.data as { readonly chunks: readonly AnalysedChunk[] }
  const own = chunks.map((chunk) => ({
    ...chunk,
    optimizations: chunk.optimizations.map((one) => ({ ...one, id: `${name}/${one.id}` })),
  }))
  const data = { ...rest, chunks: own, kind: 'document', name, owner }
  return { subject: subjects.analysisCompleted('document'), message: { ...message, data } }
}

const HAPPENED: readonly Said[] = [
  analysed(1, ['a', '1', 'quality', 'size'], ['b', '1', 'size']),
  analysed(2, ['a', '1', 'quality']),
  settled(3, idOf('a', '1', 'quality'), 'ignored'),
  analysed(4, ['a', '2', 'size'], ['c', '1', 'info']),
  analysed(5, ['b', '1', 'quality']),
  analysed(6, ['a', '1', 'size'], ['c', '1', 'redundancy']),
  settled(7, idOf('b', '1', 'size'), 'applied'),
  settled(8, idOf('b', '1', 'size'), 'ignored'),
]

async function rows(world: World): Promise<string[]> {
  const order = { page: 1, perPage: 100, sortBy: 'created_at', order: 'asc' } as const
  const { rows: found, total } = await pageOfOptimizations(world.db, OWNER, {}, order)
  assert.equal(total, found.length)
  return found.map(({ id, status, finding, overall_score }) =>
    [id, status, finding.title, overall_score].join(' '),
  )
}

test('a chunk that has left its document takes its suggestions along', async () => {
  const analyses = [
    analysed(1, ['a', '1', 'size'], ['b', '1', 'size']),
    analysed(2, ['b', '1', 'size'], ['c', '1', 'size']),
    analysed(3, ['c', '1', 'size']),
  ].map((said) => asDocument(said, 'd'))
  for await (const [world, size] of toldInBatches(analyses, [1, 2])) {
    const order = { page: 1, perPage: 100, sortBy: 'created_at', order: 'asc' } as const
    const { rows: found } = await pageOfOptimizations(world.db, OWNER, {}, order)
    assert.deepEqual(
      found.map(({ id }) => id),
      [`d/${idOf('c', '1', 'size')}`],
      `${size} in a batch`,
    )
  }
})

test('what was applied stays on record when its chunk has left the document', async () => {
  const happened = [
    asDocument(analysed(1, ['a', '1'], ['b', '1', 'size']), 'd'),
    settled(2, `d/${idOf('b', '1', 'size')}`, 'applied'),
    asDocument(analysed(3, ['a', '1']), 'd'),
    asDocument(analysed(4, ['a', '1'], ['b', '2']), 'd'),
  ]
  for await (const [world, size] of toldInBatches(happened, [1, 2, 3])) {
    const expected = [`d/${idOf('b', '1', 'size')} applied at 1 0.01`]
    assert.deepEqual(await rows(world), expected, `${size} at a time`)
  }
})

test('documents that hold the same chunk have its suggestions each', async () => {
  const happened = [
    asDocument(analysed(1, ['a', '1', 'size']), 'd'),
    asDocument(analysed(2, ['a', '1', 'size']), 'e'),
    analysed(3, ['a', '1', 'size']),
    asDocument(analysed(4, ['a', '2']), 'e'),
    analysed(5, ['a', '1']),
  ]
  for await (const [world, size] of toldInBatches(happened, [1, 2, 3])) {
    const expected = [`d/${idOf('a', '1', 'size')} pending at 1 0.01`]
    assert.deepEqual(await rows(world), expected, `${size} at a time`)
  }
})

test('a chunk of the same id in another document is another chunk', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  const within = (step: number, name: string, hash: string): Said =>
    asDocument(analysed(step, ['chunk-1', hash, 'size']), name)
  await world.say([within(1, 'd', '1'), within(2, 'e', '2')])
  await world.projected()
  await world.say([within(3, 'e', '3')])
  await world.projected()
  const order = { page: 1, perPage: 100, sortBy: 'created_at', order: 'asc' } as const
  const { rows: found } = await pageOfOptimizations(world.db, OWNER, {}, order)
  assert.deepEqual(
    found.map(({ id, name }) => [id, name]),
    [
      [`d/${idOf('chunk-1', '1', 'size')}`, 'd'],
      [`e/${idOf('chunk-1', '3', 'size')}`, 'e'],
    ],
  )
})

test('the newest analysis of a chunk counts, in one batch as in many', async () => {
  for await (const [world, size] of toldInBatches(HAPPENED, [1, 2, 3])) {
    assert.deepEqual(
      await rows(world),
      [
        'b-1-size ignored at 1 0.01',
        'a-1-quality ignored at 2 0.02',
        'b-1-quality pending at 5 0.05',
        'a-1-size pending at 6 0.06',
        'c-1-redundancy pending at 6 0.06',
      ],
      `${size} at a time`,
    )
    const ids = [idOf('a', '1', 'quality'), idOf('b', '1', 'size'), idOf('c', '1', 'redundancy')]
    const decided = ids.slice(0, 2).map((id) => [id, 'ignored'] as const)
    assert.deepEqual(await settledAmong(world.db, ids), new Map(decided))
  }
})

test('what the newest analysis of the same content does not find is gone, but not what was settled', async () => {
  const [a, b] = ['a', 'b'].map((id) => idOf(id, '1', 'quality')) as [string, string]
  const happened = [
    analysed(1, ['a', '1', 'quality', 'size'], ['b', '1', 'quality', 'size']),
    settled(2, a, 'applied'),
    analysed(3, ['a', '1', 'size'], ['b', '1']),
    settled(4, b, 'ignored'),
    asDocument(analysed(5, ['b', '1', 'redundancy', 'similarity']), 'd'),
    asDocument(analysed(6, ['b', '1', 'similarity']), 'd'),
    analysed(7, ['b', '1', 'redundancy']),
    analysed(8, ['a', '1', 'size'], ['b', '1']),
    analysed(9, ['b', '1', 'size']),
  ]
  for await (const [world, size] of toldInBatches(happened, [1, 2, 3, 5])) {
    const expected = [
      `${a} applied at 1 0.01`,
      `${b} ignored at 1 0.01`,
      `d/${idOf('b', '1', 'similarity')} pending at 6 0.06`,
      `${idOf('a', '1', 'size')} pending at 8 0.08`,
      `${idOf('b', '1', 'size')} pending at 9 0.09`,
    ]
    assert.deepEqual(await rows(world), expected, `${size} at a time`)
    const gone = idOf('b', '1', 'redundancy')
    assert.equal(await findOptimization(world.db, OWNER, gone), undefined)
    await rebuild(world)
    assert.deepEqual(await rows(world), expected, `${size} at a time, rebuilt`)
  }
})

test('what has lapsed is forgotten with the log, unless it was settled', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  const [ignored, lapsed, pending] = ['a', 'b', 'c'].map((id) => idOf(id, '1', 'size'))
  await world.say([
    analysed(1, ['a', '1', 'size'], ['b', '1', 'size'], ['c', '1', 'size']),
    settled(2, ignored!, 'ignored'),
    analysed(3, ['a', '2'], ['b', '2']),
  ])
  await world.projected()
  const ids = async () =>
    (await world.db.selectFrom('optimizations').select('id').orderBy('id').execute()).map(
      ({ id }) => id,
    )
  await forgetLapsed(world.db, new Date(later(0)))
  assert.deepEqual(await ids(), [ignored, lapsed, pending])
  await forgetLapsed(world.db, new Date(later(2)))
  assert.deepEqual(await ids(), [ignored, pending])
})

test('suggestions are found by words of theirs and of their chunks, in any script', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  const ids = [
    ...['report-2024/part_7', '吾輩は猫である-第一章', '운수 좋은 날', 'บทที่หนึ่ง'],
    ...['Ёлка и Straße', "it's 100% \\ <b>"],
  ]
  await world.say([analysed(1, ...ids.map((id): Found => [id, '1', 'size']))])
  await world.projected()
  const found = async (q: string) => {
    const order = { page: 1, perPage: 100, sortBy: 'created_at', order: 'asc' } as const
    const { rows: page, total } = await pageOfOptimizations(world.db, OWNER, { q }, order)
    assert.equal(total, page.length)
    return page.map(({ chunk_id }) => ids.indexOf(chunk_id)).sort()
  }
  const expected: [q: string, ...found: number[]][] = [
    ['REPORT', 0],
    ['part 2024', 0],
    ['rep', 0],
    ['port'],
    ['2024/part', 0],
    ['part-2024'],
    ['猫', 1],
    ['は猫で', 1],
    ['猫は'],
    ['第一章 吾輩', 1],
    ['좋은', 2],
    ['수 좋', 2],
    ['운', 2],
    ['ที่หนึ่ง', 3],
    ['หนึ่งที่'],
    ['ёлк', 4],
    ['strasse'],
    ['straße', 4],
    ['100', 5],
    ['at', 0, 1, 2, 3, 4, 5],
    ['at 1 report', 0],
    ['at 9'],
    ['!!!'],
  ]
  for (const [q, ...wanted] of expected) assert.deepEqual(await found(q), wanted, q)
  const hostile = [`'`, `''':*`, `z' & 'z`, `'z' <-> `, `\\`, '\0', '\ud800', '%_', '('.repeat(250)]
  for (const q of [...hostile, 'x'.repeat(256), '猫'.repeat(256), '\ufdfa'.repeat(256)]) {
    assert.ok((await found(q)).length <= 1, q)
  }
})

test('the newest report of a document is kept, in one batch as in many, and rebuilt', async () => {
  const told = (step: number, name: string, owner = OWNER): Said => {
    const { subject, message } = asDocument(analysed(step, ['a', '1', 'size']), name, owner)
    const data = { ...(message.data as object), profile_version: '1', report: { chunks: step } }
    return { subject, message: { ...message, data } }
  }
  for (const size of [1, 4]) {
    await using world = await openWorld()
    await using running = world.project()
    assert.ok(running)
    const said = [told(1, 'd'), told(2, 'e'), told(3, 'd'), told(4, 'd', 'eve')]
    for (let at = 0; at < said.length; at += size) {
      await world.say([...said.slice(at, at + size), analysed(5 + at, ['b', '1', 'size'])])
      await world.projected()
    }
    const reports = async () =>
      Promise.all(
        [OWNER, 'eve'].flatMap((owner) =>
          ['d', 'e'].map(async (name) => {
            const row = await findDocumentReport(world.db, owner, name)
            return row === undefined ? undefined : [row.report.chunks, row.analysis_id]
          }),
        ),
      )
    const newest = [[3, 'a3'], [2, 'a2'], [4, 'a4'], undefined]
    assert.deepEqual(await reports(), newest)
    await world.db.deleteFrom('document_reports').execute()
    await rebuild(world)
    assert.deepEqual(await reports(), newest)
  }
})

test('nobody sees what is somebody else’s', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  await world.say([analysed(1, ['a', '1', 'size'])])
  await world.projected()
  const id = idOf('a', '1', 'size')
  assert.equal((await findOptimization(world.db, OWNER, id))?.id, id)
  assert.equal(await findOptimization(world.db, 'eve', id), undefined)
})

test('a rebuild makes the same of them, and keeps what the log has let go of', async () => {
  await using world = await openWorld()
  {
    await using running = world.project()
    assert.ok(running)
    await world.say(HAPPENED)
    await world.projected()
  }
  // As if it had been found long ago.
  const old = idOf('b', '1', 'quality')
  const created_at = '2020-01-01T00:00:00.000Z'
  await world.db.updateTable('optimizations').set({ created_at }).where('id', '=', old).execute()
  await world.bus.jsm.streams.deleteMessage('EVENTS', 5)
  const before = await rows(world)
  await world.db.deleteFrom('settlements').execute()
  await world.db.deleteFrom('optimizations').where('id', '<>', old).execute()
  await rebuild(world)
  assert.deepEqual(await rows(world), before)
})
