/** What OPTIONS says of the paths of the lambda API document, and which origins are whose. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { optionsHeaders } from '../../apps/edge/http/cors.ts'
import { createOrigins } from '../../apps/edge/http/origins.ts'

const PAGE = 'https://app.example'
/** Section 7 of the document. */
const DOCUMENT = {
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-allow-headers':
    'Content-Type, Authorization, Language-Title, X-Request-ID, X-Cache-Control',
  'access-control-max-age': '86400',
}

describe('OPTIONS', () => {
  for (const path of [
    '/api/v1/initialize',
    '/api/v1/execute/:request_id',
    '/api/v1/functions',
    '/api/v1/functions/:language_title',
  ]) {
    it(`says of ${path} what the document says`, () => {
      const allow = ['POST', 'OPTIONS']
      assert.deepEqual(optionsHeaders(path, allow, PAGE), { allow: 'POST, OPTIONS', ...DOCUMENT })
    })
  }

  it('lets a page close a session', () => {
    const headers = optionsHeaders('/api/v1/sessions/:request_id', ['GET'], PAGE)
    const methods = 'GET, POST, OPTIONS, DELETE'
    assert.deepEqual(headers, {
      allow: 'GET',
      ...DOCUMENT,
      'access-control-allow-methods': methods,
    })
  })

  it('says of other paths what they have, and our headers too', () => {
    for (const path of ['/functions', '/api/v1/functionsx', '/api/v1/keys', '/v1/initialize']) {
      const headers = optionsHeaders(path, ['GET', 'PUT'], PAGE)
      assert.equal(headers['access-control-allow-methods'], 'GET, PUT')
      assert.equal(
        headers['access-control-allow-headers'],
        `${DOCUMENT['access-control-allow-headers']}, X-API-Key, Idempotency-Key, Prefer, Last-Event-ID`,
      )
    }
  })

  it('says to programs what there is, and no more', () => {
    assert.deepEqual(optionsHeaders('/functions', ['GET'], undefined), { allow: 'GET' })
  })
})

describe('an origin', () => {
  const HERE = [
    'http://localhost',
    'http://localhost:3000',
    'https://127.0.0.1:1',
    'http://[::1]:5173',
  ]
  const FOREIGN = [
    'null',
    '*',
    '',
    'https://evil.example',
    'http://app.example',
    'https://app.example:8443',
    'https://app.example.evil.example',
    'https://APP.EXAMPLE',
    'https://app.example/',
    'https://app.example, https://evil.example',
    'http://localhost.evil.example',
    'http://127.0.0.1@evil.example',
    'http://evil.example#localhost',
    'localhost',
    'file://localhost',
  ]

  it('is allowed by its exact text', () => {
    const allows = createOrigins({ configured: [PAGE], loopback: false })
    assert.deepEqual([PAGE, ...HERE, ...FOREIGN].filter(allows), [PAGE])
  })

  it('is allowed on loopback where nobody needs credentials', () => {
    const allows = createOrigins({ configured: [], loopback: true })
    assert.deepEqual([PAGE, ...HERE, ...FOREIGN].filter(allows), HERE)
  })
})
