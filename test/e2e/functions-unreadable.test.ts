/** Definitions that nobody can read any more, as an edge meets them when it starts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headers as newHeaders } from '@nats-io/nats-core'
import { LOCAL_OWNER } from '#events/functions.ts'
import { openPayloads } from '#events/jetstream/payloads.ts'
import { subjects } from '#events/subjects.ts'
import { createLog } from '#runtime/log.ts'
import { Definitions } from '../../apps/edge/knowledge/definitions.ts'
import { Followed } from '../../apps/edge/knowledge/followed.ts'
import { SIZES, startLog } from '../events/log-fixture.ts'

test('a definition that cannot be read costs its own function and no other', async () => {
  await using log = await startLog()
  const { bus } = log
  const payloads = await openPayloads(bus.nc, { ...SIZES, eventTtlDays: 1 })
  const say = (id: number, fact: 'registered' | 'updated', text: string, reference?: string) => {
    const headers = newHeaders()
    if (reference !== undefined) headers.set('Sluice-Payload', reference)
    return bus.js.publish(subjects.functionEvent(id, fact), text, { headers })
  }
  const registered = (id: number) => {
    const definition = { name: `f${id}`, runtime: 'python', code: '', execution_type: 'sync' }
    const data = { function_id: id, version: 1, owner: LOCAL_OWNER, definition }
    return JSON.stringify({ type: 'function.registered', data })
  }
  await say(1, 'registered', registered(1))
  await say(1, 'updated', '', 'definitions/gone')
  await say(2, 'registered', '{"type":')
  await say(3, 'registered', 'null')
  await say(4, 'registered', registered(4))

  const lines: string[] = []
  const options = { bus, signal: new AbortController().signal }
  const quiet = createLog({ process: 'edge', level: 'error', write: (line) => lines.push(line) })
  const definitions = new Definitions({ payloads, log: quiet })
  await using followed = await Followed.open(definitions, { ...options, log: quiet })
  assert.ok(followed.position > 0)
  for (const id of [1, 2, 3]) {
    assert.throws(() => definitions.get(id, LOCAL_OWNER), { code: 'UNAVAILABLE' })
  }
  assert.equal(definitions.get(4, LOCAL_OWNER).version, 1)
  assert.throws(() => definitions.get(5, LOCAL_OWNER), { code: 'NOT_FOUND' })
  assert.equal(lines.filter((line) => line.includes('definition_unreadable')).length, 3)
})
