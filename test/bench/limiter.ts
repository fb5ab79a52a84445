/** What one decision of the rate limiter costs: by this process's own counts, and shared. */
import { quietLog } from '#test/support/quiet-log.ts'
import { startRedis } from '#test/support/redis.ts'
import { createLimiter, type Limiter } from '../../apps/edge/limits/limiter.ts'
import { RedisLink } from '../../apps/edge/redis.ts'
import { times } from './scale.ts'
import { timed, type Summary } from './summary.ts'

const DECISIONS = times(20_000)
/** So many that none comes to the end of theirs. */
const PEOPLE = 2_000

export interface LimiterCosts {
  readonly inProcess: Summary
  readonly withRedis: Summary
}

export async function measureLimiter(): Promise<LimiterCosts> {
  await using server = await startRedis()
  const log = quietLog('bench')
  // Patient: a decision without Redis would be counted as one of its own.
  await using redis = await RedisLink.open({ url: server.url, log, timeoutMs: 10_000 })
  return {
    inProcess: await decide(createLimiter()),
    withRedis: await decide(createLimiter({ redis })),
  }
}

function decide(limiter: Limiter): Promise<Summary> {
  return timed(DECISIONS, async (index) => limiter.take('execute', `person-${index % PEOPLE}`))
}
