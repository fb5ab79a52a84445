import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decisionOf } from '../../apps/edge/limits/decision.ts'
import { ExactLog } from '../../apps/edge/limits/exact-log.ts'
import { createLimiter, unlimited, type Decision } from '../../apps/edge/limits/limiter.ts'
import { POLICIES, type PolicyName } from '../../apps/edge/limits/policies.ts'
import { Random } from '#test/support/random.ts'
import { mostInAnyWindow } from '../support/windows.ts'

const EPOCH = 1_700_000_000_000

function limiterAt() {
  let now = 5_000
  const limiter = createLimiter({
    clock: { monotonicMs: () => now, epochMs: () => EPOCH + now },
  })
  return {
    take: (policy: PolicyName, who = 'ada') => limiter.take(policy, who) as Decision,
    peek: (policy: PolicyName, who = 'ada') => limiter.peek(policy, who) as Decision,
    pass: (ms: number) => (now += ms),
    now: () => now,
  }
}

describe('the exact log', () => {
  const seed = 20_261_121
  it(`never has more than the limit in any window, in 30 × 3,000 random arrivals (${seed})`, () => {
    const random = new Random(seed)
    const { windows } = POLICIES.chunks
    for (let round = 0; round < 30; round++) {
      const log = new ExactLog(windows)
      const admitted: number[] = []
      const gapMs = [5, 50, 400, 2_000, 4_000][round % 5] as number
      let now = random.next() * 1e6
      for (let arrival = 0; arrival < 3_000; arrival++) {
        // Bursts and pauses: some come at the same moment, some after a long time.
        const [chance, size] = [random.next(), random.next()]
        if (chance < 0.02) now += 70_000 * size
        else if (chance < 0.8) now += gapMs * size
        if (log.take('ada', now).allowed) admitted.push(now)
      }
      assert.ok(mostInAnyWindow(admitted, 60_000) <= 100)
      assert.ok(mostInAnyWindow(admitted, 3_600_000) <= 1_000)
      assert.ok(admitted.length >= 100, 'it lets through what it may')
    }
  })

  it('refuses at the boundary of a minute whoever has just had all of theirs', () => {
    const log = new ExactLog(POLICIES.execute.windows)
    const at = (ms: number) =>
      Array.from({ length: 200 }, () => log.take('ada', ms)).filter(({ allowed }) => allowed).length
    assert.deepEqual(
      [at(59_900), at(60_000), at(60_210), at(119_899), at(119_900)],
      [100, 0, 0, 0, 100],
    )
  })

  it('counts nothing that was refused, in any window', () => {
    const log = new ExactLog([
      { name: 'short', limit: 1, windowS: 1 },
      { name: 'long', limit: 3, windowS: 100 },
    ])
    assert.equal(log.take('ada', 0).allowed, true)
    for (let i = 0; i < 50; i++) assert.equal(log.take('ada', 10).allowed, false)
    assert.deepEqual(log.peek('ada', 1_000).states, [
      { remaining: 1, resetMs: 0 },
      { remaining: 2, resetMs: 99_000 },
    ])
  })

  it('keeps a bounded number of keys, and forgetting lets nobody exceed', () => {
    const window = { name: 'w', limit: 3, windowS: 60 }
    const log = new ExactLog([window], { maxKeys: 100 })
    const random = new Random(seed)
    const admitted = new Map<string, number[]>()
    let now = 0
    for (let arrival = 0; arrival < 50_000; arrival++) {
      now += random.next() * 30
      const key = `key-${Math.floor(random.next() ** 3 * 2_000)}`
      if (!log.take(key, now).allowed) continue
      admitted.set(key, [...(admitted.get(key) ?? []), now])
    }
    assert.ok(log.size <= 100)
    assert.ok(admitted.size > 300, 'newcomers get their turn')
    for (const [key, times] of admitted) assert.ok(mostInAnyWindow(times, 60_000) <= 3, key)
  })

  it('forgets whoever has not come for a window', () => {
    const log = new ExactLog(POLICIES.execute.windows)
    for (let key = 0; key < 1_000; key++) log.take(`key-${key}`, 0)
    for (let take = 0; take < 600; take++) log.take('ada', 60_000 + take)
    assert.equal(log.size, 1)
  })

  it('forgets the others although somebody who came before them keeps coming', () => {
    const log = new ExactLog(POLICIES.execute.windows)
    log.take('ada', 0)
    for (let key = 0; key < 100; key++) log.take(`key-${key}`, 1)
    log.take('ada', 59_000)
    for (let take = 0; take < 60; take++) log.take('ada', 60_010)
    assert.equal(log.size, 1)
  })
})

describe('the limiter in one process', () => {
  it('admits exactly the limit of 20,000 at once, and tells the truth about the wait', () => {
    const { take, pass } = limiterAt()
    const decisions = Array.from({ length: 20_000 }, () => take('execute'))
    assert.equal(decisions.filter(({ allowed }) => allowed).length, 100)
    const refused = decisions.at(-1)
    assert.equal(refused?.retryAfterS, 60)
    pass(59_999)
    assert.equal(take('execute').allowed, false)
    pass(1)
    assert.equal(take('execute').allowed, true)
  })

  it('tells of the limit on every answer', () => {
    const { take, pass, now } = limiterAt()
    assert.deepEqual(take('execute'), {
      allowed: true,
      retryAfterS: 0,
      headers: {
        'x-rate-limit-limit': '100',
        'x-rate-limit-remaining': '99',
        'x-rate-limit-reset': String((EPOCH + now() + 60_000) / 1_000),
        'ratelimit-policy': '"execute";q=100;w=60',
        ratelimit: '"execute";r=99;t=60',
      },
    })
    for (let i = 0; i < 99; i++) take('execute')
    pass(59_500)
    const { headers, allowed, retryAfterS } = take('execute')
    assert.equal(allowed, false)
    assert.equal(retryAfterS, 1)
    assert.equal(headers['retry-after'], '1')
    assert.equal(headers['x-rate-limit-remaining'], '0')
    assert.equal(headers['ratelimit'], '"execute";r=0;t=1')
  })

  it('asks nobody to come back after no time at all', () => {
    const { take, pass } = limiterAt()
    for (let i = 0; i < 10; i++) take('execute-anonymous')
    pass(59_999.9)
    assert.equal(take('execute-anonymous').headers['retry-after'], '1')
    const now = { allowed: false, states: [{ remaining: 0, resetMs: 0 }] }
    assert.equal(decisionOf(POLICIES.execute, now, EPOCH).headers['retry-after'], '1')
  })

  it('tells of the window with the least left when there are several', () => {
    const { take, pass } = limiterAt()
    const first = take('chunks').headers
    assert.equal(first['ratelimit-policy'], '"minute";q=100;w=60, "hour";q=1000;w=3600')
    assert.equal(first['ratelimit'], '"minute";r=99;t=60')
    for (let minute = 0; minute < 10; minute++) {
      for (let i = 0; i < 100; i++) take('chunks')
      pass(60_000)
    }
    const refused = take('chunks')
    assert.equal(refused.allowed, false)
    assert.equal(refused.headers['x-rate-limit-limit'], '1000')
    assert.equal(refused.headers['ratelimit'], '"hour";r=0;t=3000')
    assert.equal(refused.headers['retry-after'], '3000')
  })

  it('tells of the longer wait when two windows have as little left', () => {
    const full = (resetMs: number) => ({ remaining: 0, resetMs })
    const { headers, retryAfterS } = decisionOf(
      POLICIES.chunks,
      { allowed: false, states: [full(20_000), full(900_000)] },
      EPOCH,
    )
    assert.equal(headers['ratelimit'], '"hour";r=0;t=900')
    assert.equal(retryAfterS, 900)
  })

  it('looks without counting', () => {
    const { take, peek } = limiterAt()
    for (let i = 0; i < 50; i++) assert.equal(peek('execute-anonymous').allowed, true)
    assert.equal(peek('execute-anonymous').headers['ratelimit'], '"execute";r=10;t=0')
    for (let i = 0; i < 10; i++) assert.equal(take('execute-anonymous').allowed, true)
    assert.equal(peek('execute-anonymous').allowed, false)
    assert.equal(peek('execute-anonymous', 'bob').allowed, true)
  })

  it('keeps policies apart, and people with long names', () => {
    const { take } = limiterAt()
    const long = 'x'.repeat(5_000)
    for (let i = 0; i < 10; i++) take('execute-anonymous', long)
    assert.equal(take('execute-anonymous', long).allowed, false)
    assert.equal(take('execute-anonymous', `${long}y`).allowed, true)
    assert.equal(take('functions-anonymous', long).allowed, true)
  })

  it('says nothing when limits are off', async () => {
    for (let i = 0; i < 1_000; i++) await unlimited.take('execute', 'ada')
    assert.deepEqual(await unlimited.take('execute', 'ada'), {
      allowed: true,
      headers: {},
      retryAfterS: 0,
    })
  })
})
