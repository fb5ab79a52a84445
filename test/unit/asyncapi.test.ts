/** The document of the subjects: what the official schema says of it, and that it is whole. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { CATALOGUE, streamOf } from '#events/catalogue.ts'
import { streamConfigs } from '#events/streams.ts'
import { asyncApi } from '../../apps/edge/documents/asyncapi.ts'
import { createAjv, faultOf } from '../support/told.ts'
import type { Envelope } from '#events/envelope.ts'

const OFFICIAL = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json') as object

interface Shown {
  readonly channels: Readonly<Record<string, { address: string; parameters?: object }>>
  readonly operations: Readonly<Record<string, { action: string; channel: { $ref: string } }>>
  readonly components: {
    readonly messages: Readonly<Record<string, ShownMessage>>
  }
}

interface ShownMessage {
  readonly payload: object
  readonly examples: readonly { readonly payload: Envelope }[]
}

/** As it is served. */
const document = JSON.parse(JSON.stringify(asyncApi({ version: '1.2.3' }))) as Shown
const messages = Object.entries(document.components.messages)

test('the official schema of AsyncAPI 3.0 takes it, and would refuse another', () => {
  const valid = new Ajv({
    strict: false,
    meta: false,
    validateSchema: false,
    validateFormats: false,
  }).compile(OFFICIAL)
  valid(document)
  assert.deepEqual(valid.errors, null)
  assert.equal(valid({ ...document, channels: { broken: { address: 7 } } }), false)
})

test('everything that it refers to is there', () => {
  const referred = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)]
  assert.ok(referred.length > 100)
  for (const [, path = ''] of referred) {
    let at: unknown = document
    for (const step of path.split('/')) at = (at as Record<string, unknown>)[step]
    assert.notEqual(at, undefined, path)
  }
})

test('each message of the catalogue has a channel for each of its subjects, and an operation', () => {
  const addresses = new Set(Object.values(document.channels).map(({ address }) => address))
  assert.equal(addresses.size, Object.keys(document.channels).length)
  const subjects = Object.values(CATALOGUE).flatMap(({ on }) => on)
  assert.deepEqual([...addresses].sort(), [...new Set(subjects)].sort())
  const operated = Object.values(document.operations).map(({ channel }) => channel.$ref)
  assert.equal(new Set(operated).size, addresses.size)
  for (const { address, parameters = {} } of Object.values(document.channels)) {
    const named = [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    assert.deepEqual(Object.keys(parameters), named)
  }
})

test('an event is received, and a command sent', () => {
  const actions = Object.entries(document.operations).map(([id, { action }]) => [
    streamOf(`${id.slice(id.indexOf('.') + 1)}.`),
    action,
  ])
  assert.deepEqual(
    new Set(actions.map((pair) => pair.join(' '))),
    new Set(['COMMANDS send', 'CALLS send', 'EVENTS receive', 'DEAD receive', 'KEYS receive']),
  )
})

test('the streams of the house are those that keep its messages', () => {
  const keeping = Object.values(CATALOGUE).flatMap(({ on }) => on.map(streamOf))
  const all = streamConfigs({ maxBytes: 1 }).map(({ name = '' }) => name)
  assert.deepEqual([...new Set(keeping)].sort(), all.sort())
})

for (const [type, { payload, examples }] of messages) {
  test(`the example of ${type} satisfies its schema, and one without its data does not`, () => {
    const ajv = createAjv()
    const valid = ajv.compile({ components: document.components, ...payload })
    const [example] = examples
    assert.ok(example !== undefined)
    assert.equal(valid(example.payload), true, JSON.stringify(valid.errors))
    assert.equal(valid({ ...example.payload, type: 'another' }), false)
    const { on } = CATALOGUE[type as keyof typeof CATALOGUE]
    const subject = (on[0] ?? '').replaceAll(/\{\w+\}/g, '7')
    assert.equal(faultOf(subject, example.payload), undefined)
    assert.match(faultOf(subject, { ...example.payload, data: { ...{ news: 1 } } }) ?? '', /data/)
  })
}
