import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  again,
  cached,
  closed,
  defined,
  deleted,
  failed,
  initialized,
  ofSession,
  run,
  started,
  succeeded,
} from './happenings.ts'
import { allRows, openWorld, rebuild, startProcess, type Said } from './fixture.ts'

/** Deterministic chance, so that a failure can be run again. */
function chanceFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function shuffled<T>(items: readonly T[], chance: () => number): T[] {
  return items
    .map((item) => ({ item, key: chance() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item)
}

/** Sessions and what they were executed, in any order too. */
function sessions(chance: () => number): Said[] {
  const happened: Said[] = []
  for (let n = 0; n < 60; n++) {
    const id = `session-${n % 7}`
    const execution = succeeded(2_000 + n, 1, ofSession(id))
    happened.push(execution, again(execution), cached(3_000 + n, 2_000 + n, 1, ofSession(id)))
    if (n < 7) happened.push(initialized(id))
    if (n % 2 === 0 && n < 7) happened.push(again(initialized(id)))
  }
  return [...shuffled(happened, chance), ...[1, 2, 3].map((n) => closed(`session-${n}`))]
}

/** Jobs in all states; starts, ends and repeats of both in any order. */
function disorder(seed: number): Said[] {
  const chance = chanceFrom(seed)
  const happened: Said[] = []
  for (let job = 0; job < 400; job++) {
    const fn = 1 + Math.floor(chance() * 5)
    const duration_ms = chance() < 0.1 ? null : Math.round(chance() * 1e6) / 1e3
    const end =
      chance() < 0.7 ? succeeded(job, fn, { duration_ms }) : failed(job, fn, { duration_ms })
    if (chance() < 0.5) happened.push(run(job, fn))
    if (chance() < 0.4) happened.push(started(job, fn))
    if (chance() < 0.2) happened.push(started(job, fn, 2))
    if (chance() < 0.8) happened.push(end)
    if (chance() < 0.3) happened.push(again(failed(job, fn)), again(succeeded(job, fn), 2))
  }
  const definitions = [1, 2, 3, 4, 5].flatMap((fn) => [defined(fn), defined(fn, 2)])
  return [...definitions, ...shuffled(happened, chance), ...sessions(chance), deleted(5, 2)]
}

test('a rebuild gives the same rows, whatever the order and however often ends were said', async () => {
  for (const seed of [1, 2]) {
    await using world = await openWorld()
    const happened = disorder(seed)
    {
      await using running = world.project()
      // In pieces, so that rules hold within a batch and across batches.
      for (let start = 0; start < happened.length; start += 97) {
        await world.say(happened.slice(start, start + 97))
        await world.projected()
      }
      assert.equal(running.projector.stats().role, 'leader')
    }
    const before = await allRows(world.db)
    await world.db.deleteFrom('jobs').where('status', 'in', ['success', 'failed']).execute()
    await world.db.updateTable('function_metrics').set({ failed: 1_000 }).execute()
    await world.db.deleteFrom('functions').execute()
    await world.db.deleteFrom('function_versions').where('version', '=', 1).execute()
    await rebuild(world)
    assert.deepEqual(await allRows(world.db), before, `seed ${seed}`)
  }
})

test('a rebuild beside a running projector loses nothing and the projector goes on', async () => {
  await using world = await openWorld()
  await using running = world.project()
  await world.say([defined(1), ...Array.from({ length: 3_000 }, (_, job) => succeeded(job))])
  const more = Array.from({ length: 3_000 }, (_, job) => succeeded(3_000 + job))
  const saying = world.say(more)
  await rebuild(world)
  await saying
  await world.say([run(9_000)])
  await world.projected()
  const { successful } = await world.db
    .selectFrom('function_metrics')
    .select(({ fn }) => fn.sum<number>('successful').as('successful'))
    .executeTakeFirstOrThrow()
  assert.equal(successful, 6_000)
  assert.equal(running.projector.stats().role, 'leader')
  assert.equal((await allRows(world.db)).jobs?.length, 6_001)
})

test('pending jobs come back from the commands', async () => {
  await using world = await openWorld()
  {
    await using running = world.project()
    assert.ok(running)
    // Somebody who has not run them yet keeps them in the stream.
    await world.bus.jsm.consumers.add('COMMANDS', {
      durable_name: 'fn-1',
      filter_subject: 'cmd.job.run.*.1',
    })
    await world.say([defined(1), run(1), run(2), started(2)])
    await world.projected()
  }
  const before = await allRows(world.db)
  await world.db.deleteFrom('jobs').execute()
  await rebuild(world)
  assert.deepEqual(await allRows(world.db), before)
})

test('what the log no longer holds whole days of is kept, and the rest is made anew', async () => {
  await using world = await openWorld()
  {
    await using running = world.project()
    assert.ok(running)
    await world.say([defined(1), succeeded(1), failed(2), succeeded(3)])
    await world.projected()
    // As if these had ended long ago, and the log had let go of them since.
    await world.db
      .updateTable('jobs')
      .set({ counted_on: '2020-01-01' })
      .where('id', 'in', [1, 2])
      .execute()
    await world.db.deleteFrom('function_metrics').execute()
    const bucket = { function_id: 1, owner: 'local', timed: 1, duration_us: 2_500, cpu_us: 1_250 }
    await world.db
      .insertInto('function_metrics')
      .values([
        { ...bucket, day: '2020-01-01', successful: 1, failed: 1, cancelled: 0, memory_bytes: 1 },
        { ...bucket, day: today(), successful: 1, failed: 0, cancelled: 0, memory_bytes: 4_096 },
      ])
      .execute()
    for (const seq of [2, 3]) await world.bus.jsm.streams.deleteMessage('EVENTS', seq)
  }
  const before = await allRows(world.db)
  const { covered_from } = await rebuild(world)
  assert.equal(typeof covered_from, 'string')
  assert.deepEqual(await allRows(world.db), before)
})

const today = () => new Date().toISOString().slice(0, 10)

test('a checkpoint of another log is put right by a rebuild', async () => {
  await using world = await openWorld()
  await world.say([defined(1), succeeded(1)])
  {
    await using running = world.project()
    assert.ok(running)
    await world.projected()
  }
  await world.db.updateTable('checkpoint').set({ events_seq: 1_000 }).execute()
  {
    await using running = world.project()
    await assert.rejects(running.ended, { code: 'CHECKPOINT_NOT_ON_STREAM' })
  }
  await rebuild(world)
  await using running = world.project()
  assert.ok(running)
  await world.say([succeeded(2)])
  await world.projected()
  assert.equal((await allRows(world.db)).jobs?.length, 2)
})

test('an unknown model is refused by name', async () => {
  await using world = await openWorld()
  await using running = startProcess(
    'apps/projector/rebuild.ts',
    world.nats.url,
    world.database.url,
    ['cakes'],
  )
  const { error } = (await running.logged('failed')) as { error: { message: string } }
  assert.match(error.message, /cakes.*function-metrics/)
})
