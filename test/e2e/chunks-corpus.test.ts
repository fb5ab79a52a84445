/** The corpus: what was analysed before is recognised, by its owner and by nobody else. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { chunkMessageId, type RunAnalysis } from '#events/analyses.ts'
import { envelope } from '#events/envelope.ts'
import { Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { REPLY_HEADER, type DecidedReply } from '#events/replies.ts'
import { subjects } from '#events/subjects.ts'
import { optionsInForce } from '#domain/chunks/options.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { bearer, tokenOf } from '../support/tokens.ts'
import { chunk, ChunksApi, WHOLE, type Fields } from './chunks-api.ts'

const CHINESE =
  '千里之行，始于足下。合抱之木，生于毫末；九层之台，起于累土。为者败之，执者失之。是以圣人无为故无败，无执故无失。民之从事，常于几成而败之。慎终如始，则无败事。'
const OTHER = {
  english:
    'A lighthouse keeper trims the lamp at dusk and winds the clockwork that turns the lens. Ships far out count the seconds between two flashes, and know by that number alone which headland lies before them.',
  chinese: '天下皆知美之为美，斯恶已；皆知善之为善，斯不善已。故有无相生，难易相成，长短相较。',
}

interface Finding {
  readonly chunk_id: string
  readonly type: string
  readonly related_chunks: readonly string[]
  readonly related?: readonly Fields[]
}

interface Analysis {
  readonly optimizations: readonly Finding[]
  readonly metrics: readonly Record<string, number>[]
  readonly corpus: Fields
  readonly truncated: boolean
}

let platform: TestPlatform
let api: ChunksApi
let ada: Record<string, string>
let eve: Record<string, string>
before(async () => {
  platform = await startPlatform({ env: { AUTH: 'required', RATE_LIMITS: 'off' } })
  api = new ChunksApi(platform.url)
  const scopes = ['chunks:read', 'chunks:write'] as const
  ada = bearer(await tokenOf(platform, { subject: 'ada', scopes: [...scopes] }))
  eve = bearer(await tokenOf(platform, { subject: 'eve', scopes: [...scopes] }))
})
after(() => platform.stop())

async function ask<T>(path: string, json: unknown, headers = ada): Promise<T> {
  const { status, body } = await api.ask<T>(`/api/v1/${path}/analyze`, { json, headers })
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

const inCorpus = { options: { scope: 'corpus' } }
const document = (document_id: string, ...contents: readonly string[]) => ({
  document_id,
  chunks: contents.map((content, i) => chunk(content, `${document_id}-${i}`)),
})
const similar = ({ optimizations }: Pick<Analysis, 'optimizations'>) =>
  optimizations.filter(({ type }) => type === 'similarity')
const relatedOf = (analysis: Pick<Analysis, 'optimizations'>) => similar(analysis)[0]?.related
/** Like nothing else. */
const prose = () => Array.from({ length: 12 }, () => randomUUID().replaceAll('-', ' ')).join(' ')
const newId = () => `d-${randomUUID()}`

describe('a document with scope corpus', () => {
  for (const [language, text, other] of [
    ['English', WHOLE, OTHER.english],
    ['Chinese', CHINESE, OTHER.chinese],
  ] as const) {
    test(`knows what another one says in ${language}, until that one says it no more`, async () => {
      const [first, second] = [newId(), newId()]
      await ask('documents', document(first, other, text))
      const asked = { ...document(second, text, `${language} ${randomUUID()}`), ...inCorpus }
      const found = await ask<Analysis>('documents', asked)
      const there = { chunk_id: `${first}-1`, document_id: first, similarity: 1, containment: 1 }
      assert.deepEqual(
        similar(found).map(({ chunk_id, related_chunks, related }) => [
          ...[chunk_id, related_chunks, related],
        ]),
        [[`${second}-0`, [`${first}-1`], [there]]],
      )
      const redundant = found.optimizations.filter(({ type }) => type === 'redundancy')
      assert.deepEqual(redundant[0]?.related, [there])
      assert.deepEqual(
        found.metrics.map(({ similarity_score, redundancy_score }) => [
          ...[similarity_score, redundancy_score],
        ]),
        [
          [1, 1],
          [0, 0],
        ],
      )
      assert.deepEqual(found.corpus, { compared: 1, complete: true, truncated: false })

      // Once more, it is not its own twin; without the scope, it knows nothing of others.
      assert.deepEqual(relatedOf(await ask<Analysis>('documents', asked)), [there])
      const alone = await ask<Analysis>('documents', { ...asked, options: {} })
      assert.deepEqual([similar(alone), alone.corpus], [[], undefined])

      await ask('documents', document(first, other))
      const later = await ask<Analysis>('documents', asked)
      assert.deepEqual([similar(later), later.corpus['compared']], [[], 0])
      await ask('documents', document(second))
    })
  }

  test('counts a passage that it shares with another one', async () => {
    const words = (of: string) => Array.from({ length: 60 }, (_, i) => `${of}${i}`).join(' ')
    await ask('documents', document(newId(), `${words('shared')} ${words('first')}`))
    const asked = document(newId(), `${words('second')} ${words('shared')}`)
    const { metrics } = await ask<Analysis>('documents', { ...asked, ...inCorpus })
    assert.equal(metrics[0]?.['redundancy_score'], 0.5)
    assert.ok(metrics[0]['similarity_score']! < 0.5)
  })

  test('finds nothing of somebody else’s', async () => {
    const text = prose()
    await ask('documents', document(newId(), text))
    const found = await ask<Analysis>('documents', { ...document(newId(), text), ...inCorpus }, eve)
    assert.deepEqual([similar(found), found.corpus['compared']], [[], 0])
  })

  test('finds its equal among hundreds that are nearly the same', async () => {
    const text = prose()
    const crowd = Array.from({ length: 200 }, (_, i) => `${text} and so on in version ${i}`)
    await ask('documents', document(newId(), ...crowd))
    const equal = document(newId(), text)
    await ask('documents', equal)
    const found = await ask<Analysis>('documents', { ...document(newId(), text), ...inCorpus })
    assert.equal(relatedOf(found)?.[0]?.['chunk_id'], equal.chunks[0]?.chunk_id)
    assert.equal(found.truncated, true)
  })

  test('is bounded where hundreds say the same, and says so', async () => {
    const text = prose()
    const same = Array.from({ length: 500 }, () => text)
    await ask('documents', document(newId(), ...same))
    const asked = { ...document(newId(), text), ...inCorpus }
    const found = await ask<Analysis>('documents', asked)
    assert.equal(relatedOf(found)?.length, 20)
    assert.deepEqual([found.truncated, found.corpus['truncated']], [true, true])
  })
})

test('a chunk by itself and in a batch are known by their ids', async () => {
  const content = prose()
  const [one, two] = [chunk(content), chunk(content)]
  await ask('chunks', one)
  const found = await ask<Analysis>('chunks', { ...two, ...inCorpus })
  const there = [{ chunk_id: one.chunk_id, similarity: 1, containment: 1 }]
  assert.deepEqual(relatedOf(found), there)
  assert.equal(found.corpus['complete'], true)
  // The same chunk, sent in a batch, is no twin of what it was by itself.
  const batch = { batch_id: newId(), items: [one], ...inCorpus }
  const { results } = await ask<{ results: Analysis[] }>('batch', batch)
  assert.deepEqual(relatedOf(results[0]!), [
    { chunk_id: two.chunk_id, similarity: 1, containment: 1 },
  ])
})

test('a chunk of the same owner is seen as soon as it was answered', async () => {
  for (let round = 0; round < 30; round++) {
    const content = prose()
    const one = chunk(content)
    await ask('chunks', one)
    const { corpus, optimizations } = await ask<Analysis>('chunks', {
      ...chunk(content),
      ...inCorpus,
    })
    assert.equal(corpus['complete'], true)
    assert.equal(relatedOf({ optimizations })?.[0]?.['chunk_id'], one.chunk_id)
  }
})

test('a command that comes again says the same, although the corpus has grown', async () => {
  const bus = await platform.openBus()
  const content = prose()
  const command = runAnalysis(content)
  const first = await said(bus, command)
  await ask('documents', document(newId(), content))
  const second = await said(bus, command)
  assert.deepEqual(second, first)
  assert.equal(first.data.corpus.compared, 0)
})

function runAnalysis(content: string): RunAnalysis {
  const analysis_id = randomUUID()
  const type = 'analysis.run'
  const said = { source: 'test', time: new Date().toISOString(), cause: { correlationid: 'test' } }
  return envelope(said, {
    ...{ type, id: chunkMessageId.command(type, analysis_id), subject: analysis_id },
    data: {
      ...{ analysis_id, owner: 'ada', kind: 'document', name: newId() },
      options: optionsInForce({ scope: 'corpus' }),
      chunks: [chunk(content)],
      deadline: new Date(Date.now() + 60_000).toISOString(),
    },
  })
}

async function said(bus: Bus, command: RunAnalysis) {
  const subject = subjects.command(command.type)
  const { inbox, reply } = bus.rpc.expect(subject, 10_000)
  const headers = [[REPLY_HEADER, inbox]] as const
  const appender = new Appender(bus.rpc, { giveUpAfterMs: 10_000 })
  await appender.append({ subject, id: randomUUID(), payload: JSON.stringify(command), headers })
  return (await reply).json<DecidedReply & { data: { corpus: { compared: number } } }>()
}
