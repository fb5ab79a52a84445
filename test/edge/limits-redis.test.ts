/** Limits that edges share through a real Redis, and what they do while it is not there. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { Problem } from '#domain/problem.ts'
import { createLog } from '#runtime/log.ts'
import { startRedis } from '#test/support/redis.ts'
import { until } from '#test/support/until.ts'
import { mostInAnyWindow } from '#test/support/windows.ts'
import { createLimiter, type Limiter } from '../../apps/edge/limits/limiter.ts'
import { SharedLog } from '../../apps/edge/limits/shared-log.ts'
import { RedisLink } from '../../apps/edge/redis.ts'
import { summary } from '../bench/summary.ts'
import { Random } from '#test/support/random.ts'

/** 100 ms, and what a busy machine adds; without the time-out there would be no answer at all. */
const FIRST_MS = 20_000
/** At the median; each that waited for Redis would take 100. */
const LATER_MS = 50

interface Edge extends AsyncDisposable {
  readonly link: RedisLink
  readonly limiter: Limiter
  readonly events: () => string[]
}

/** Longer than a busy machine keeps a process waiting; for what is not about time. */
const PATIENT = { timeoutMs: 120_000 }

async function openEdge(url: string, patience: { timeoutMs?: number } = {}): Promise<Edge> {
  const lines: string[] = []
  const log = createLog({ process: 'edge', level: 'info', write: (line) => void lines.push(line) })
  const link = await RedisLink.open({ url, log, ...patience })
  return {
    link,
    limiter: createLimiter({ redis: link }),
    events: () => lines.map((line) => (JSON.parse(line) as { event: string }).event),
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  }
}

const isBack = ({ link }: Edge) => until(() => link.isUp, { what: 'Redis back' })

/** Of the first call, and what the later ones take at the median: a busy machine delays any. */
async function waits(times: number, action: () => unknown) {
  const took: number[] = []
  for (let i = 0; i < times; i++) {
    const startedAt = performance.now()
    await action()
    took.push(performance.now() - startedAt)
  }
  return { first: took[0] as number, later: summary(took.slice(1)).p50 }
}

/** A machine that keeps Redis waiting may show it as down once more; each change is one line. */
async function requireChanges(edge: Edge, last: 'redis_up' | 'redis_down'): Promise<void> {
  const events = await until(() => {
    const told = edge.events().filter((event) => event !== 'redis_faltered')
    return told.at(-1) === last && told
  })
  for (const [index, event] of events.entries()) assert.notEqual(event, events[index - 1])
  assert.ok(events.length < 10, `${events.length} lines`)
}

describe('limits shared through Redis', () => {
  it('admit exactly the limit of 20,000 calls, 2,048 at once from each of two edges', async () => {
    await using redis = await startRedis()
    await using one = await openEdge(redis.url, PATIENT)
    await using two = await openEdge(redis.url, PATIENT)
    let [calls, admitted] = [0, 0]
    const call = async ({ limiter }: Edge) => {
      while (calls++ < 20_000) if ((await limiter.take('execute', 'ada')).allowed) admitted++
    }
    // As many as an edge admits at once.
    const callers = Array.from({ length: 2_048 }, () => [call(one), call(two)])
    await Promise.all(callers.flat())
    assert.equal(admitted, 100)
    for (const edge of [one, two]) assert.deepEqual(edge.events(), ['redis_up'])
    const refused = await two.limiter.take('execute', 'ada')
    assert.ok(refused.retryAfterS >= 1 && refused.retryAfterS <= 61)
    assert.equal(refused.headers['x-rate-limit-remaining'], '0')
    assert.equal((await two.limiter.take('execute', 'bob')).headers['x-rate-limit-remaining'], '99')
  })

  it('never have more than the limit in any window of random arrivals', async () => {
    await using redis = await startRedis()
    await using edge = await openEdge(redis.url, PATIENT)
    const log = new SharedLog(edge.link)
    const random = new Random(20_261_121)
    const windows = [
      { name: 'short', limit: 20, windowS: 0.3 },
      { name: 'long', limit: 50, windowS: 1.2 },
    ]
    const sent: number[] = []
    const answered: number[] = []
    let arrivals = 0
    const endsAt = performance.now() + 4_000
    const enough = () => arrivals >= 10_000 && performance.now() >= endsAt
    const arrive = async () => {
      while (!enough()) {
        if (random.below(40) === 0) await pause(random.below(150))
        arrivals++
        const sentAt = performance.now()
        const verdict = await log.take('ada', windows)
        if (verdict?.allowed !== true) continue
        sent.push(sentAt)
        answered.push(performance.now())
      }
    }
    await Promise.all(Array.from({ length: 8 }, arrive))
    assert.ok(sent.length > 100, `${sent.length} admitted`)
    for (const { limit, windowS } of windows) {
      // An admission lies between question and answer: the whole run is judged by what is certain.
      const certain = sent.map((from, index) => ({ from, to: answered[index] as number }))
      assert.ok(mostCertain(certain, windowS * 1_000) <= limit)
    }
    const spread = mostInAnyWindow(answered, 300)
    assert.ok(spread >= 15, `it lets through what it may (${spread})`)
  })

  it('tell the wait to the moment: allowed then, refused just before', async () => {
    await using redis = await startRedis()
    await using edge = await openEdge(redis.url, PATIENT)
    const log = new SharedLog(edge.link)
    const windows = [{ name: 'w', limit: 3, windowS: 5 }]
    for (let i = 0; i < 3; i++) assert.equal((await log.take('ada', windows))?.allowed, true)
    const from = performance.now()
    const refused = await log.take('ada', windows)
    const to = performance.now()
    assert.equal(refused?.allowed, false)
    const waitMs = refused.states[0]?.resetMs as number
    assert.ok(waitMs > 0 && waitMs <= 5_000 * (1 + 1 / 60) + 1, `${waitMs} ms`)
    // Redis counted from some moment between question and answer.
    const [earliest, latest] = [from + waitMs, to + waitMs]
    let seen = 0
    for (;;) {
      const askedAt = performance.now()
      const verdict = await log.take('ada', windows)
      if (verdict?.allowed === true) break
      assert.ok(askedAt < latest + 1, 'refused although the wait is over')
      seen++
      await pause(2)
    }
    assert.ok(performance.now() >= earliest - 2, 'allowed before the wait was over')
    assert.ok(seen > 0)
  })

  it('charge no window when one of them refuses, and nothing for a look', async () => {
    await using redis = await startRedis()
    await using edge = await openEdge(redis.url, PATIENT)
    const log = new SharedLog(edge.link)
    const windows = [
      { name: 'small', limit: 1, windowS: 60 },
      { name: 'large', limit: 10, windowS: 60 },
    ]
    for (let i = 0; i < 20; i++) assert.equal((await log.peek('ada', windows))?.allowed, true)
    assert.equal((await log.take('ada', windows))?.allowed, true)
    for (let i = 0; i < 20; i++) assert.equal((await log.take('ada', windows))?.allowed, false)
    const states = (await log.peek('ada', windows))?.states.map(({ remaining }) => remaining)
    assert.deepEqual(states, [0, 9])
  })

  it('leave nothing in Redis that does not go away by itself', async () => {
    await using redis = await startRedis()
    await using edge = await openEdge(redis.url, PATIENT)
    await edge.limiter.take('chunks', '2001:db8:0:0::/64')
    await edge.link.use(async (client) => {
      const keys = (await client.keys('sluice:limit:*')).sort()
      assert.deepEqual(keys, [
        'sluice:limit:{chunks:2001:db8:0:0::/64}:hour',
        'sluice:limit:{chunks:2001:db8:0:0::/64}:minute',
      ])
      for (const key of keys) assert.ok((await client.pttl(key)) > 60_000)
    })
  })
})

/** The most admissions that lie within one window of that length for certain. */
function mostCertain(spans: readonly { from: number; to: number }[], lengthMs: number): number {
  const byEnd = [...spans].sort((a, b) => a.to - b.to)
  return Math.max(
    ...spans.map(({ from }) => {
      // All that were asked for after this moment and answered within the window after it.
      const within = byEnd.filter((span) => span.from >= from && span.to < from + lengthMs)
      return within.length
    }),
  )
}

describe('limits while Redis is not there', () => {
  it('cost at most 100 ms once when it hangs, go on by themselves, and come back', async () => {
    await using redis = await startRedis()
    await using edge = await openEdge(redis.url)
    const { limiter } = edge
    for (let i = 0; i < 40; i++) await limiter.take('execute', 'ada')

    redis.freeze()
    const { first, later } = await waits(500, () => limiter.take('execute', 'bob'))
    assert.ok(first < FIRST_MS, `the first took ${first} ms`)
    assert.ok(later < LATER_MS, `the later ones took ${later} ms`)
    let rest = 0
    for (let i = 0; i < 100; i++) if ((await limiter.take('execute', 'ada')).allowed) rest++
    assert.equal(rest, 60, 'what Redis counted counts here')
    await until(() => edge.events().includes('redis_down'))

    redis.thaw()
    await isBack(edge)
    assert.equal((await limiter.take('execute', 'ada')).allowed, false, 'nobody starts anew')
    await requireChanges(edge, 'redis_up')
  })

  it('cost nothing when it is killed, and come back with it', async () => {
    await using redis = await startRedis()
    await using edge = await openEdge(redis.url)
    const { limiter } = edge
    for (let i = 0; i < 100; i++) await limiter.take('execute', 'ada')
    await redis.kill()
    const { first, later } = await waits(200, () => limiter.take('execute', 'bob'))
    assert.ok(first < FIRST_MS && later < LATER_MS, `${first} and ${later} ms`)
    assert.equal((await limiter.take('execute', 'ada')).allowed, false)
    await until(() => edge.events().includes('redis_down'))
    await redis.restart()
    await isBack(edge)
    assert.equal((await limiter.take('execute', 'ada')).allowed, false, 'though Redis lost it all')
    assert.equal((await limiter.take('execute', 'carol')).allowed, true)
    await requireChanges(edge, 'redis_up')
  })

  it('let nobody try passwords until it is back', async () => {
    await using redis = await startRedis()
    await using edge = await openEdge(redis.url)
    const { limiter } = edge
    await until(async () => (await limiter.peek('token-account', 'ada')).allowed)
    await redis.kill()
    for (const ask of ['peek', 'take'] as const) {
      await assert.rejects(
        async () => limiter[ask]('token-account', 'ada'),
        (error) => error instanceof Problem && error.code === 'UNAVAILABLE',
      )
    }
    await redis.restart()
    await until(async () => (await limiter.peek('token-account', 'ada')).allowed)
  })

  it('start without it, and find it when it comes', async () => {
    await using redis = await startRedis()
    await redis.kill()
    await using edge = await openEdge(redis.url)
    assert.equal((await edge.limiter.take('execute', 'ada')).allowed, true)
    await assert.rejects(edge.link.probe())
    await redis.restart()
    await isBack(edge)
    await until(() => edge.link.probe().then(() => true))
    await requireChanges(edge, 'redis_up')
  })

  it('bypass one that takes no writes', async () => {
    await using redis = await startRedis(['--maxmemory', '1kb', '--maxmemory-policy', 'noeviction'])
    await using edge = await openEdge(redis.url)
    assert.equal(edge.link.isUp, false)
    const { first, later } = await waits(100, () => edge.limiter.take('execute', 'ada'))
    assert.ok(first < FIRST_MS && later < LATER_MS, `${first} and ${later} ms`)
    assert.equal((await edge.limiter.take('execute', 'ada')).allowed, false)
    assert.deepEqual(edge.events(), ['redis_down'])
  })
})
