import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FairGate } from '../../apps/edge/jobs/fair-gate.ts'
import { SHARE, Shares } from '../../apps/runtime/shares.ts'

const FLOODED = 1
const QUIET = 2

function harness() {
  let now = 0
  const gate = new FairGate(new Shares(() => now))
  let entered = 0
  const flood = (count: number) => {
    for (let i = 0; i < count; i++) {
      const turn = gate.enter(FLOODED)
      if (turn === undefined) entered++
      else turn.then(() => entered++, assert.fail)
    }
  }
  const settled = async () => {
    await Promise.resolve()
    return entered
  }
  return { gate, flood, settled, pass: (ms: number) => void (now += ms) }
}

describe('the fair gate', () => {
  it('lets a function that is alone have all it asks for', async () => {
    const { flood, settled } = harness()
    flood(100)
    assert.equal(await settled(), 100)
  })

  it('keeps each function to its share while another one is in use', async () => {
    const { gate, flood, settled } = harness()
    gate.use(QUIET)
    flood(SHARE + 6)
    assert.equal(await settled(), SHARE)
    assert.equal(gate.enter(QUIET), undefined, 'the other one never waits')
    gate.leave(FLOODED)
    assert.equal(await settled(), SHARE + 1)
  })

  it('opens for all who wait when the other function is in use no more', async () => {
    const { gate, flood, settled, pass } = harness()
    gate.use(QUIET)
    flood(SHARE + 6)
    pass(1_000)
    gate.leave(FLOODED)
    assert.equal(await settled(), SHARE + 6)
  })
})
