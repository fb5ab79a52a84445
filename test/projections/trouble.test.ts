import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyBatch, Fenced } from '#projections/batch.ts'
import { newClient } from '#projections/database.ts'
import { functionMetrics } from '#projections/function-metrics.ts'
import { findJob } from '#projections/job-queries.ts'
import type { DeadLetter } from '#events/letters.ts'
import { signals, subjects } from '#events/subjects.ts'
import {
  defined,
  failed,
  initialized,
  keyUsed,
  later,
  run,
  started,
  succeeded,
  userSaid,
} from './happenings.ts'
import { openWorld, OWNER, said, type Said, type World } from './fixture.ts'
import { until } from '../support/until.ts'

function spoilt(message: Said, changes: Record<string, unknown>): Said {
  const { message: envelope } = message
  return {
    ...message,
    message: { ...envelope, data: { ...(envelope.data as object), ...changes } },
  }
}

interface Writer extends AsyncDisposable {
  /** As one batch. */
  apply(said: readonly Said[]): Promise<void>
}

async function openWriter(world: World): Promise<Writer> {
  {
    await using running = world.project()
    await running.projector.settled
    await world.projected()
  }
  const client = newClient({ url: world.database.url, name: 'test' })
  await client.connect()
  const at = await world.db.selectFrom('checkpoint').selectAll().executeTakeFirstOrThrow()
  let from = { events: at.events_seq, commands: at.commands_seq }
  return {
    async apply(said) {
      const to = { ...from, events: from.events + 1 }
      const batch = said.map(({ message }) => ({
        ...{ stream: 'EVENTS' as const, seq: to.events, at: Date.parse(later(0)) },
        happening: message as never,
      }))
      await applyBatch(client, from, to, batch)
      from = to
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}

test('a second writer at the same checkpoint writes nothing', async () => {
  await using world = await openWorld()
  {
    await using running = world.project()
    await running.projector.settled
    await world.projected()
  }
  const client = newClient({ url: world.database.url, name: 'test' })
  await client.connect()
  await using stack = new AsyncDisposableStack()
  stack.defer(() => client.end())
  const at = await world.db.selectFrom('checkpoint').selectAll().executeTakeFirstOrThrow()
  const from = { events: at.events_seq, commands: at.commands_seq }
  const to = { ...from, events: from.events + 1 }
  const recorded = (job: number) => ({
    stream: 'EVENTS' as const,
    seq: from.events + 1,
    at: Date.parse(later(0)),
    happening: succeeded(job).message as never,
  })
  await applyBatch(client, from, to, [recorded(1)])
  await assert.rejects(applyBatch(client, from, to, [recorded(2)]), Fenced)
  assert.equal((await findJob(world.db, OWNER, 1))?.status, 'success')
  assert.equal(await findJob(world.db, OWNER, 2), undefined)
  assert.equal((await functionMetrics(world.db, OWNER, 1)).total, 1)
})

test('batches of many kinds are statements of their own, however alike they begin', async () => {
  await using world = await openWorld()
  await using writer = await openWriter(world)
  const kinds = [defined(1), succeeded(1), initialized(), userSaid('ada')]
  await writer.apply(kinds)
  await writer.apply([...kinds, keyUsed('a', 1)])
  await writer.apply(kinds)
  assert.equal((await findJob(world.db, OWNER, 1))?.status, 'success')
})

test('starts out of order make the same job, wherever the batch is cut', async () => {
  await using world = await openWorld()
  await using writer = await openWriter(world)
  const happened = (job: number) => [
    started(job, 1, 2),
    started(job),
    failed(job, 1, { attempt: 2, duration_ms: null }),
  ]
  for (const one of happened(1)) await writer.apply([one])
  await writer.apply(happened(2).slice(0, 1))
  await writer.apply(happened(2).slice(1))
  await writer.apply(happened(3).slice(0, 2))
  await writer.apply(happened(3).slice(2))
  await writer.apply(happened(4))
  for (const job of [1, 2, 3, 4]) {
    const row = await findJob(world.db, OWNER, job)
    assert.deepEqual([row?.started_at, row?.attempt], [later(job + 200), 2])
  }
})

test('what cannot be applied is put aside, and what stands around it is applied', async () => {
  await using world = await openWorld()
  await world.say([
    defined(1),
    succeeded(1),
    spoilt(succeeded(2), { owner: 'a\u0000b' }),
    spoilt(succeeded(3), { duration_ms: 'long' }),
    // It reads well, and only the database finds that there is no such day.
    spoilt(succeeded(4), { accepted_at: '2026-02-30T12:00:00Z' }),
    spoilt(run(5), { job_id: null }),
    succeeded(6),
  ])
  await world.bus.js.publish('evt.job.1.succeeded', 'no JSON at all')
  await using running = world.project()
  await world.projected()
  assert.equal((await functionMetrics(world.db, OWNER, 1)).total, 2)
  assert.equal((await findJob(world.db, OWNER, 6))?.status, 'success')
  const { state } = await world.bus.jsm.streams.info('DEAD')
  assert.equal(state.messages, 5)
  const dead = await world.bus.jsm.streams.getMessage('DEAD', {
    last_by_subj: subjects.dead('COMMANDS', 'projector'),
  })
  assert.equal(dead?.json<DeadLetter>().data.subject, 'cmd.job.run.python.1')
  assert.equal(running.projector.stats().role, 'leader')
})

test('a payload in the object store is applied in its turn, and a missing one is put aside', async () => {
  await using world = await openWorld()
  const huge = 'x'.repeat(2_000_000)
  await world.say([
    defined(1),
    succeeded(1, 1, { result: huge }),
    succeeded(2),
    succeeded(3, 1, { result: huge }),
  ])
  const store = await world.bus.jsm.streams.info('OBJ_happenings')
  assert.ok(store.state.messages > 0)
  {
    await using running = world.project()
    assert.equal(await running.projector.settled, 'leader')
    await world.projected()
    assert.equal((await findJob(world.db, OWNER, 1))?.result, huge)
    assert.equal((await functionMetrics(world.db, OWNER, 1)).total, 3)
  }
  await world.say([succeeded(4, 1, { result: huge }), succeeded(5)])
  await world.bus.jsm.streams.purge('OBJ_happenings')
  await using running = world.project()
  await world.projected()
  assert.equal(await findJob(world.db, OWNER, 4), undefined)
  assert.equal((await findJob(world.db, OWNER, 5))?.status, 'success')
  assert.equal(running.projector.stats().role, 'leader')
})

test('the position reaches the end of streams whose last messages are gone', async () => {
  await using world = await openWorld()
  await world.say([defined(1), succeeded(1), run(2), succeeded(2)])
  const [events, commands] = [await world.lastSeq('EVENTS'), await world.lastSeq('COMMANDS')]
  await world.bus.jsm.streams.deleteMessage('EVENTS', events)
  await world.bus.jsm.streams.deleteMessage('COMMANDS', commands)
  await using running = world.project()
  await running.projector.settled
  const answer = await until(async () => {
    const message = await world.bus.nc.request(signals.whereProjected)
    const position = message.json<{ EVENTS: number; COMMANDS: number }>()
    return position.EVENTS === events && position
  })
  assert.deepEqual(answer, { EVENTS: events, COMMANDS: commands })
  assert.equal(await findJob(world.db, OWNER, 2), undefined)
})

test('a position is said after each commit, and what it says can be read', async () => {
  await using world = await openWorld()
  await using running = world.project()
  await running.projector.settled
  const heard = { seq: 0 }
  world.bus.nc.subscribe(signals.projected, {
    callback: (_error, message) => {
      heard.seq = message.json<{ EVENTS: number }>().EVENTS
    },
  })
  for (let job = 1; job <= 200; job++) {
    await world.say([succeeded(job)])
    const seq = await world.lastSeq('EVENTS')
    await until(() => heard.seq >= seq, { pollMs: 0 })
    assert.equal((await findJob(world.db, OWNER, job))?.status, 'success')
  }
})

test('who waits for commands that no read model applies waits for no commit', async () => {
  await using world = await openWorld()
  await using running = world.project()
  await running.projector.settled
  await world.projected()
  const heard = { seq: 0 }
  world.bus.nc.subscribe(signals.projected, {
    callback: (_error, message) => {
      heard.seq = message.json<{ COMMANDS: number }>().COMMANDS
    },
  })
  const command = said('c', 'key.revoke', 'k', {})
  const committed = async () =>
    (await world.db.selectFrom('checkpoint').select('commands_seq').executeTakeFirstOrThrow())
      .commands_seq
  const seq = 1 + (await world.lastSeq('COMMANDS'))
  await world.db.transaction().execute(async (tx) => {
    await tx.selectFrom('checkpoint').select('id').forUpdate().execute()
    await world.say([{ subject: subjects.command(command.type), message: command }])
    await until(() => heard.seq === seq, { timeoutMs: 15_000, what: 'the announcement' })
    assert.ok((await committed()) < seq)
  })
  // Nothing comes behind it.
  await until(async () => (await committed()) === seq)
})
