import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Admission } from '../../apps/edge/http/admission.ts'

describe('the admission of requests', () => {
  it('holds so many at once', () => {
    const admission = new Admission({ maxRequests: 2, maxLargeBytes: 10 })
    assert.deepEqual([admission.enter(), admission.enter(), admission.enter()], [true, true, false])
    admission.leave()
    assert.equal(admission.enter(), true)
    assert.equal(admission.current, 2)
  })

  it('holds no more of large bodies than it could, and others beside them', () => {
    const admission = new Admission({ maxRequests: 10, maxLargeBytes: 10 })
    assert.deepEqual(
      [admission.enter(6), admission.enter(6), admission.enter()],
      [true, false, true],
    )
    admission.leave(6)
    assert.equal(admission.enter(10), true)
  })
})
