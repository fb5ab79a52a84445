/** Users and API keys as read models: what each event does, in one batch and across batches. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pageOfKeys } from '#projections/api-keys.ts'
import { pageOfUsers } from '#projections/users.ts'
import {
  again,
  keyCreated,
  keyRevoked,
  keyUsed,
  later,
  userDeleted,
  userSaid,
} from './happenings.ts'
import { AT, OWNER, openWorld, rebuild, type Said, type World } from './fixture.ts'

const ALL = { page: 1, perPage: 100 }

const HAPPENED: readonly Said[] = [
  userSaid('ada'),
  userSaid('bob'),
  userSaid('eve@example.com'),
  userSaid('ada', 2, { scopes: ['admin'] }),
  keyCreated('quiet'),
  keyCreated('busy', { expires_at: later(9_000) }),
  keyUsed('busy', 3),
  keyUsed('busy', 2),
  keyCreated('dead'),
  keyUsed('dead', 1),
  again(keyCreated('dead')),
  keyRevoked('dead'),
  again(keyCreated('dead'), 2),
  again(keyRevoked('dead')),
  keyCreated('foreign', { owner: 'bob' }),
  userDeleted('bob', 2),
  userDeleted('eve@example.com', 2),
  userSaid('eve@example.com', 3),
]

async function rows({ db }: World) {
  const { users } = await pageOfUsers(db, ALL)
  const { keys } = await pageOfKeys(db, OWNER, ALL)
  return { users, keys }
}

for (const size of [1, 2, 3, 4, HAPPENED.length]) {
  test(`in batches of ${size}, and rebuilt, the rows are the same`, async () => {
    await using world = await openWorld()
    {
      await using running = world.project()
      for (let start = 0; start < HAPPENED.length; start += size) {
        await world.say(HAPPENED.slice(start, start + size))
        await world.projected()
      }
      assert.equal(running.projector.stats().role, 'leader')
    }
    const before = await rows(world)
    assert.deepEqual(
      before.users.map(({ username, scopes }) => [username, scopes]),
      [
        ['ada', ['admin']],
        ['eve@example.com', ['read:functions']],
      ],
    )
    assert.deepEqual(
      before.keys.map(({ id, expires_at, revoked_at, last_used_at }) => [
        id,
        expires_at,
        revoked_at,
        last_used_at,
      ]),
      [
        ['busy', later(9_000), null, later(180_000)],
        ['dead', null, later(5_000), later(60_000)],
        ['quiet', null, null, null],
      ],
    )
    const { name, scopes, last_four, created_at } = before.keys[0] ?? {}
    assert.deepEqual(
      { name, scopes, last_four, created_at },
      {
        name: 'key "busy"',
        scopes: ['execute:all', 'jobs:read'],
        last_four: 'x\\y"',
        created_at: AT,
      },
    )

    await world.db.deleteFrom('users').where('username', '=', 'ada').execute()
    await world.db.updateTable('api_keys').set({ revoked_at: AT, name: 'wrong' }).execute()
    await rebuild(world)
    assert.deepEqual(await rows(world), before)
  })
}

test('a rebuild keeps the last use that the log has let go of', async () => {
  await using world = await openWorld()
  {
    await using running = world.project()
    await world.say([keyCreated('one'), keyUsed('one', 1)])
    await world.projected()
    assert.equal(running.projector.stats().role, 'leader')
  }
  const before = await rows(world)
  await world.bus.jsm.streams.deleteMessage('EVENTS', 2)
  await rebuild(world)
  assert.deepEqual(await rows(world), before)
})

test('what claims to be a user or a key and is not fit stops nobody', async () => {
  await using world = await openWorld()
  await using running = world.project()
  await world.say([
    userSaid('nul', 1, { owner: 'a\0b' }),
    userSaid('scopes', 1, { scopes: [1] as unknown as string[] }),
    keyCreated('never', { expires_at: 'tomorrow' }),
    userSaid('fine'),
  ])
  await world.projected()
  assert.deepEqual(
    (await rows(world)).users.map(({ username }) => username),
    ['fine'],
  )
  assert.equal(running.projector.stats().role, 'leader')
})
