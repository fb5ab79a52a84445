import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { commonHeaders, HEADERS } from '../../apps/edge/documents/manners.ts'
import { deprecationHeaders } from '../../apps/edge/http/deprecation.ts'
import { functionsDialect } from '../../apps/edge/surfaces/functions/dialect.ts'

describe('a route that is going away', () => {
  it('says so, since when, until when, and what takes its place', () => {
    const [since, sunset] = ['2026-01-01T00:00:00Z', '2026-07-01T00:00:00Z']
    const successor = '/api/v2/chunks/analyze'
    assert.deepEqual(deprecationHeaders({ since, sunset, successor }), {
      'x-api-deprecated': 'true',
      deprecation: '@1767225600',
      sunset: 'Wed, 01 Jul 2026 00:00:00 GMT',
      link: '</api/v2/chunks/analyze>; rel="successor-version"',
    })
  })

  it('is documented with all that it says', () => {
    const deprecated = { since: '2026-01-01', sunset: '2026-07-01', successor: '/next' }
    const access = { scopes: [], deprecated }
    const told = commonHeaders(200, { access, auth: 'open', dialect: functionsDialect })
    const names = told.map((name) => HEADERS[name][0].toLowerCase())
    for (const name of Object.keys(deprecationHeaders(deprecated))) assert.ok(names.includes(name))
  })

  it('is told three months before it goes', () => {
    const told = (sunset: string) => deprecationHeaders({ since: '2026-01-01', sunset })
    assert.throws(() => told('2026-04-01'), /may not go on 2026-04-01/)
    assert.throws(() => told('soon'), /may not go on soon/)
    assert.equal(told('2026-04-03')['x-api-deprecated'], 'true')
  })
})
