/** Sources that are checked: what is found in them, and that no check stands in another one's way. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { JsMsg } from '@nats-io/jetstream'
import { type ChecksOptions, settleCheck } from '../../apps/executor/checks.ts'
import { DEADLINE_HEADER, REPLY_HEADER } from '#events/replies.ts'
import { levels, openRig, type Rig } from './support.ts'

/** Takes python's compiler a tenth of a second or more. */
const slow = functions(3_000)

function functions(length: number): string {
  const long = Array.from({ length }, (_, n) => `def f${n}(a):\n    return [a + ${n} for a in a]\n`)
  return `${long.join('')}def handler(event): pass`
}

for (const level of levels) {
  describe(`checks at level ${level === 'auto' ? 'full' : 'user'}`, () => {
    let rig: Rig
    before(async () => (rig = await openRig({ level })))
    after(() => rig.close())

    test('a source is checked without being run', async () => {
      const { sandbox } = rig
      assert.deepEqual(await sandbox.check('python', 'print("no")\ndef handler(event): pass'), {
        ok: true,
      })
      assert.deepEqual(await sandbox.check('nodejs', 'for (;;);\nexport default () => 1'), {
        ok: true,
      })
      const python = await sandbox.check('python', 'def handler(event):\n    return (')
      assert.deepEqual({ ...python, line: 2, column: 12 }, python)
      const nodejs = await sandbox.check('nodejs', 'function handler() {\n  let 1x\n}')
      assert.deepEqual({ ...nodejs, line: 2, column: 7 }, nodejs)
      assert.equal((await sandbox.check('python', 'return 1')).ok, false)
    })

    test('a source that cannot define a handler is refused, one that might is not', async () => {
      const { sandbox } = rig
      assert.equal((await sandbox.check('python', 'x = 1')).ok, false)
      assert.equal((await sandbox.check('nodejs', 'const x = 1')).ok, false)
      assert.equal((await sandbox.check('python', 'exec("hand" + "ler = print")')).ok, true)
      assert.equal((await sandbox.check('nodejs', 'eval("function handl" + "er() {}")')).ok, true)
    })

    test('a source made to break the parser is refused and the next one is checked', async () => {
      const { sandbox } = rig
      for (const runtime of ['python', 'nodejs'] as const) {
        const bombs = [
          '('.repeat(200_000),
          '-'.repeat(400_000) + '1',
          '['.repeat(90) + ']'.repeat(90) + '\n(',
          // At each line of it, an expression that looks for the end of an import finds none.
          'import\n'.repeat(120_000) + '}',
        ]
        for (const bomb of bombs) {
          const checked = await sandbox.check(runtime, bomb)
          assert.ok(!checked.ok)
          assert.doesNotMatch(checked.message, /too long/)
        }
        const good = runtime === 'python' ? 'def handler(event): pass' : 'function handler() {}'
        assert.deepEqual(await sandbox.check(runtime, good), { ok: true })
      }
    })

    test('a slow source holds up nobody else', async () => {
      const { sandbox } = rig
      const quick = () => sandbox.check('python', 'def handler(event): pass')
      await Promise.all([quick(), quick()])
      let ended = false
      const checking = sandbox.check('python', functions(9_000)).finally(() => (ended = true))
      for (let n = 0; n < 3; n += 1) await quick()
      assert.equal(ended, false)
      assert.deepEqual(await checking, { ok: true })
    })

    test('a check that is aborted while it waits is not begun', async () => {
      const { sandbox } = rig
      const abort = new AbortController()
      const checking = [sandbox.check('python', slow), sandbox.check('python', slow)]
      const waiting = sandbox.check('python', slow, abort.signal)
      const behind = sandbox.check('python', 'def handler(event): pass')
      const reason = new Error('nobody waits any more')
      abort.abort(reason)
      await assert.rejects(waiting, reason)
      await assert.rejects(sandbox.check('python', 'x', abort.signal), reason)
      for (const checked of await Promise.all([...checking, behind])) assert.ok(checked.ok)
    })

    test('the executor drops a check that is past its deadline, and answers one that is not', async () => {
      for (const [leftMs, expected] of [
        [-1000, ['acknowledged']],
        [60_000, ['answered', 'acknowledged']],
      ] as const) {
        assert.deepEqual(await settled(rig, Date.now() + leftMs), expected)
      }
    })
  })

  test(`a sandbox that closes at level ${level === 'auto' ? 'full' : 'user'} refuses the checks that wait`, async () => {
    const rig = await openRig({ level })
    const checking = Array.from({ length: 5 }, () => rig.sandbox.check('python', slow))
    const ending = Promise.allSettled(checking)
    await rig.close()
    for (const { status } of await ending) assert.equal(status, 'rejected')
  })
}

/** What becomes of the command to check a source, as its stream and its asker see it. */
async function settled({ sandbox }: Rig, deadline: number): Promise<string[]> {
  const seen: string[] = []
  const headers = new Map([
    [REPLY_HEADER, 'inbox'],
    [DEADLINE_HEADER, String(deadline)],
  ])
  const data = { runtime: 'python', code: 'def handler(event): pass' }
  const options = {
    sandbox,
    bus: { nc: { publish: () => seen.push('answered') } },
    payloads: { open: () => Promise.resolve({ data }) },
    leases: {
      ack: () => seen.push('acknowledged'),
      handBack: () => seen.push('handed back'),
    },
    log: { error: () => seen.push('failed') },
  }
  const message = { headers, seq: 1 } as unknown as JsMsg
  await settleCheck(message, options as unknown as ChecksOptions)
  return seen
}
