/** In whose format a request is answered that meets no route. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '#domain/problem.ts'
import { dialectOf } from '../../apps/edge/surfaces/dialect-of.ts'

const problem = new Problem('NOT_FOUND', 'nothing')
const bodyAt = (path: string | undefined) =>
  JSON.parse(dialectOf(path).render(problem, 'r').body ?? '') as Record<string, unknown>

for (const path of [
  '/api/v1/initialize/x',
  '/api/v1/execute',
  '/api/v1/sessions/a/b?c=/functions',
]) {
  test(`${path} is the lambda API's`, () => {
    assert.deepEqual(bodyAt(path), {
      error: { code: 'NOT_FOUND', message: 'nothing', details: {} },
    })
  })
}

for (const path of ['/api/v1/chunks', '/api/v1/batch/x', '/api/v1/auth/token/x']) {
  test(`${path} is the chunk API's`, () => {
    const { error, code, message } = bodyAt(path)
    assert.deepEqual([error, code, message], ['NotFound', 'NotFound', 'nothing'])
  })
}

for (const path of ['/api/v1/nothing', '/api', '/api/v2/initialize', '/graphql']) {
  test(`${path} is ours`, () => assert.equal(bodyAt(path)['status'], 404))
}

for (const path of ['/functions/1/x', '/apis', '/graphqls', '/nothing', undefined]) {
  test(`${String(path)} is the functions API's`, () => assert.equal(bodyAt(path)['success'], false))
}
