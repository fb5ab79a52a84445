/** The real edge with a Redis: it says how that is, and serves without it. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { startPlatform } from '../support/platform.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

interface Health {
  readonly components: { readonly redis: string }
}

test('an edge with REDIS_URL shows it, counts in the metrics, and serves while it is gone', async () => {
  await using redis = await startRedis()
  await using platform = await startPlatform({ env: { REDIS_URL: redis.url } })
  const become = (status: string) =>
    until(async () => {
      const response = await fetch(`${platform.url}/health`)
      assert.equal(response.status, 200)
      return ((await response.json()) as Health).components.redis === status
    })
  await become('ok')
  const metrics = await fetch(`${platform.url}/metrics`).then((response) => response.text())
  assert.match(metrics, /^sluice_cache_entries\{.*cache="results".*\} 0$/m)
  await redis.kill()
  await become('down')
  assert.equal((await fetch(`${platform.url}/functions`)).status, 200)
  await redis.restart()
  await become('ok')
  await until(() => {
    const told = platform.lines.flatMap((line) => /"event":"(redis_\w+)"/.exec(line)?.[1] ?? [])
    return told.includes('redis_down') && told.at(-1) === 'redis_up'
  })
  await platform.stop()
})
