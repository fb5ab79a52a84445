/** What the log does not say in time is no fault of the request, and none of ours. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors } from '@nats-io/nats-core'
import { AppendError } from '#events/jetstream/append.ts'
import { RpcError } from '#events/jetstream/rpc.ts'
import { asProblem } from '../../apps/edge/http/exchange.ts'

const AWAY = [
  new errors.TimeoutError(),
  new errors.ClosedConnectionError(),
  new RpcError('DISCONNECTED', 'ids'),
  new AppendError('UNAVAILABLE', 'not stored in time'),
]

for (const error of AWAY) {
  test(`${error.name} ${error.message} is answered with "not now"`, () => {
    const problem = asProblem(error)
    assert.equal(problem.code, 'UNAVAILABLE')
    assert.equal(problem.retryable, true)
    assert.equal(problem.cause, error)
  })
}

test('what nobody foresaw stays ours, and untold', () => {
  for (const error of [new TypeError('secret'), new AppendError('REFUSED', 'secret'), 'secret']) {
    const { code, message } = asProblem(error)
    assert.equal(code, 'INTERNAL')
    assert.ok(!message.includes('secret'))
  }
})
