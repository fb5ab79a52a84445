import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Problem } from '#domain/problem.ts'
import { closeSession, initializeSession, isExpired } from '#domain/session.ts'
import { envelope } from '#events/envelope.ts'
import { SESSION_LASTS_MS, type CloseSession, type InitializeSession } from '#events/sessions.ts'

const time = '2025-05-13T10:28:22.000Z'
const later = (ms: number) => new Date(Date.parse(time) + ms).toISOString()
const saying = { source: 'sluice/handler', time }
const said = { source: 'test', time, cause: { correlationid: 'request-1' } }
const id = 'f8c3de3d-1234-5678-9abc-def012345678'

const command: InitializeSession = envelope(said, {
  id: 'session.initialize:1',
  type: 'session.initialize',
  subject: '7',
  data: {
    session_id: id,
    owner: 'local',
    function_id: 7,
    function_version: 3,
    definition_seq: 11,
    runtime: 'nodejs',
    language_title: 'nodejs-calculator',
    context: { timeout_ms: 30_000, retain_session: true, user_id: 'user-123' },
    executor: 'host-1',
    deadline: later(10_000),
  },
})
const close = (fields: Partial<CloseSession['data']> = {}): CloseSession =>
  envelope(said, {
    id: 'session.close:1',
    type: 'session.close',
    subject: '7',
    data: {
      ...{ session_id: id, owner: 'local', initialized_seq: 5, reason: 'closed' as const },
      deadline: later(10_000),
      ...fields,
    },
  })

const isNotFound = (error: unknown) => error instanceof Problem && error.code === 'NOT_FOUND'

describe('an initialized session', () => {
  const initialized = initializeSession(command, saying)

  it('keeps what was asked for, and lives for two hours from then', () => {
    const { deadline, ...asked } = command.data
    assert.ok(deadline > time)
    assert.deepEqual(initialized.data, {
      ...asked,
      created_at: time,
      expires_at: '2025-05-13T12:28:22.000Z',
    })
    assert.equal(initialized.causationid, command.id)
  })

  it('has a message id by which its own id is given once', () => {
    assert.equal(initialized.id, `session:${id}:init`)
  })

  it('is there until its time is over, and not a moment longer', () => {
    const created = Date.parse(time)
    assert.equal(isExpired(initialized.data, created + SESSION_LASTS_MS - 1), false)
    assert.equal(isExpired(initialized.data, created + SESSION_LASTS_MS), true)
  })

  it('is closed by its owner, under one message id whatever the reason', () => {
    const closed = closeSession(close(), initialized, { ...saying, time: later(1_000) })
    assert.deepEqual(closed.data, {
      ...{ session_id: id, owner: 'local', function_id: 7, reason: 'closed' },
      closed_at: later(1_000),
    })
    assert.equal(closeSession(close({ reason: 'lost' }), initialized, saying).id, closed.id)
  })

  it('cannot be closed by others, after its time, or if it is another one', () => {
    const refuses = (asked: CloseSession, at = time) =>
      assert.throws(() => closeSession(asked, initialized, { ...saying, time: at }), isNotFound)
    refuses(close({ owner: 'stranger' }))
    refuses(close(), later(SESSION_LASTS_MS))
    refuses(close({ session_id: 'another' }))
    assert.throws(() => closeSession(close(), undefined, saying), isNotFound)
  })
})
