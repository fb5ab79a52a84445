/**
 * Functions that attack: each ends in its listed outcome, and the next call on another function
 * works at once.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { RunResult, RuntimeName } from '#sandbox/contract.ts'
import type { Expectation } from './attacks/attack.ts'
import { attacksOnAccounting } from './attacks/memory.ts'
import { attacksOnProtocol } from './attacks/protocol.ts'
import { attacksOnReach } from './attacks/reach.ts'
import { attacksOnResources } from './attacks/resources.ts'
import { attacksInRust } from './attacks/rust.ts'
import { errorOf, levels, openRig, program, resultOf, type Rig } from './support.ts'

const attacks = [
  ...attacksOnResources,
  ...attacksOnAccounting,
  ...attacksOnReach,
  ...attacksOnProtocol,
  ...attacksInRust,
]

for (const level of levels) {
  describe(`hostile functions at level ${level === 'auto' ? 'full' : 'user'}`, () => {
    let rig: Rig
    let server: Server
    let reached = 0
    const witnesses = {
      python: program('python', 'def handler(event):\n    return [event["n"], "python"]'),
      nodejs: program('nodejs', 'exports.handler = (event) => [event.n, "nodejs"]'),
      rust: program(
        'rust',
        'fn handler(event: Json) -> Result<Json, String> { Ok(json!([event["n"], "rust"])) }',
      ),
    }

    before(async () => {
      rig = await openRig({ level })
      server = createServer(() => (reached += 1)).listen(0, '127.0.0.1')
      await once(server, 'listening')
    })
    after(async () => {
      server.close()
      await rig.close()
      assert.equal(reached, 0, 'nothing reached the host’s listener')
    })

    async function othersWork() {
      for (const runtime of [
        'python',
        'nodejs',
        'rust',
      ] as const satisfies readonly RuntimeName[]) {
        const n = Math.random()
        const run = await rig.run(witnesses[runtime], { event: JSON.stringify({ n }) })
        assert.deepEqual(resultOf(run), [n, runtime])
      }
    }

    for (const attack of attacks) {
      test(`${attack.runtime}: ${attack.name}`, async () => {
        const { port } = server.address() as { port: number }
        const code = attack.code.replaceAll('PORT', String(port))
        const run = await rig.run(
          program(attack.runtime, code, { memoryMb: attack.memoryMb ?? 128 }),
          {
            timeoutMs: attack.timeoutMs ?? 60_000,
          },
        )
        check(run, level === 'auto' ? attack.expect : (attack.expectAtUser ?? attack.expect))
        await othersWork()
      })
    }
  })
}

function check(run: RunResult, expected: Expectation) {
  if ('fails' in expected) {
    const error = errorOf(run)
    assert.equal(error.code, expected.fails, JSON.stringify(error))
    if (expected.message !== undefined) assert.match(error.message, expected.message)
  } else {
    assert.deepEqual(resultOf(run), expected.answers)
  }
}
