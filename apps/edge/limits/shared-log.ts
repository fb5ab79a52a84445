/**
 * Counts that all edges share, in Redis: sliding windows of short slots, decided and counted in one
 * step of its own.
 *
 * Invariants:
 * 1. No window of time ever has more than its limit: what is summed are the current slot and as
 *    many before it as a window has, so at least the window. The price: a slot is forgotten whole,
 *    so somebody may wait up to a 60th of the window longer than need be.
 * 2. All windows are looked at before any is counted, and what is refused counts nowhere.
 * 3. The time is Redis's own, so edges whose clocks differ count alike.
 * 4. The keys of one call share a hash tag: on a cluster they live together.
 */
import type { RedisLink } from '../redis.ts'
import type { Verdict, WindowState } from './decision.ts'
import type { Window } from './policies.ts'

const SLOTS = 60
const REPLY_FIELDS = 2

/** KEYS: a hash of slots per window. ARGV: 1 to count, 0 to look; then limit, span, slots of each. */
const LUA = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local counts = ARGV[1] == '1'
local allowed = 1
local windows = {}
for i, key in ipairs(KEYS) do
  local limit, span, slots = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  local width = span / slots
  local current = math.floor(now / width)
  local used, oldest = 0, current
  local fields = redis.call('HGETALL', key)
  for j = 1, #fields, 2 do
    local slot = tonumber(fields[j])
    if slot < current - slots then
      redis.call('HDEL', key, fields[j])
    else
      used = used + tonumber(fields[j + 1])
      oldest = math.min(oldest, slot)
    end
  end
  if used >= limit then allowed = 0 end
  windows[i] = { limit = limit, span = span, current = current, used = used,
    freed = (oldest + slots + 1) * width }
end
local reply = { allowed }
for i, window in ipairs(windows) do
  if counts and allowed == 1 then
    redis.call('HINCRBY', KEYS[i], window.current, 1)
    redis.call('PEXPIRE', KEYS[i], window.span * 2)
    window.used = window.used + 1
  end
  local free = window.limit - window.used
  reply[#reply + 1] = math.max(0, free)
  reply[#reply + 1] = window.used == 0 and 0 or math.ceil(window.freed - now)
end
return reply`

export class SharedLog {
  readonly #redis: RedisLink

  constructor(redis: RedisLink) {
    this.#redis = redis
    redis.define('sluiceLimit', LUA)
  }

  /** Undefined: Redis is not at hand. */
  take(key: string, windows: readonly Window[]): Promise<Verdict | undefined> {
    return this.#ask(key, windows, 1)
  }

  peek(key: string, windows: readonly Window[]): Promise<Verdict | undefined> {
    return this.#ask(key, windows, 0)
  }

  async #ask(key: string, windows: readonly Window[], counts: 0 | 1): Promise<Verdict | undefined> {
    const keys = windows.map(({ name }) => `sluice:limit:{${key}}:${name}`)
    const figures = windows.flatMap(({ limit, windowS }) => [limit, windowS * 1_000, SLOTS])
    const reply = await this.#redis.run('sluiceLimit', keys, [counts, ...figures])
    if (reply === undefined) return undefined
    const [allowed, ...rest] = reply as number[]
    const states: WindowState[] = windows.map((_, index) => ({
      remaining: rest[REPLY_FIELDS * index] ?? 0,
      resetMs: rest[REPLY_FIELDS * index + 1] ?? 0,
    }))
    return { allowed: allowed === 1, states }
  }
}
