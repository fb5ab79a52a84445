import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deprecationHeaders } from '../../apps/edge/http/deprecation.ts'

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

  it('is told three months before it goes', () => {
    const told = (sunset: string) => deprecationHeaders({ since: '2026-01-01', sunset })
    assert.throws(() => told('2026-04-01'), /may not go on 2026-04-01/)
    assert.throws(() => told('soon'), /may not go on soon/)
    assert.equal(told('2026-04-03')['x-api-deprecated'], 'true')
  })
})
