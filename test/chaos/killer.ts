/**
 * Kills the parts with -9, in rounds: every part once in each round, in an order of chance.
 *
 * Invariant: the next kill comes when the part serves again and so does the platform, or at a random
 * moment before; what is killed is alive. So parts also die while others are still coming back.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { isEnded, type Client } from './client.ts'
import type { Known } from './journal.ts'
import { livingPid, PARTS, ready, type PartName } from './parts.ts'
import type { Random } from '#test/support/random.ts'

const IMPATIENCE = 0.4
const IMPATIENT_MAX_MS = 1_500
const SETTLED_MAX_MS = 1_500
const ALIVE_WITHIN_MS = 120_000
const SERVED_WITHIN_MS = 180_000

export interface Kill {
  readonly part: PartName
  /** Until the part itself served again. */
  readonly readyMs: Promise<number>
  /** Until a call and a read of its job succeeded again; undefined: nobody waited for that. */
  servedMs: number | undefined
}

export interface KillerOptions {
  readonly platform: TestPlatform
  readonly client: Client
  /** Called and read to see whether the platform serves. */
  readonly probe: Known
  readonly random: Random
  readonly kills: number
  readonly onKill: (part: PartName, index: number) => void
}

export async function killAll(options: KillerOptions): Promise<Kill[]> {
  const { platform, random, kills, onKill } = options
  const done: Kill[] = []
  let round: PartName[] = []
  while (done.length < kills) {
    if (round.length === 0) round = random.shuffled(PARTS)
    const part = round.pop()
    if (part === undefined) continue
    await until(() => livingPid(platform, part), { timeoutMs: ALIVE_WITHIN_MS, what: part })
    onKill(part, done.length + 1)
    const killedAt = performance.now()
    const since = platform.lines.length
    const previousPid = livingPid(platform, part)
    await platform.kill(part)
    const readyMs = ready(platform, part, { previousPid, since }).then(
      () => performance.now() - killedAt,
    )
    // It is awaited with all others at the end.
    readyMs.catch(() => undefined)
    const kill: Kill = { part, readyMs, servedMs: undefined }
    done.push(kill)
    if (random.next() < IMPATIENCE) {
      await wait(random.below(IMPATIENT_MAX_MS))
    } else {
      await readyMs
      await served(options)
      kill.servedMs = performance.now() - killedAt
      await wait(random.below(SETTLED_MAX_MS))
    }
  }
  await Promise.all(done.map(({ readyMs }) => readyMs))
  await served(options)
  return done
}

async function served({ client, probe }: KillerOptions): Promise<void> {
  const attempt = async () => {
    const job = await client.invoke(probe, 'sync')
    const shown = job && (await client.job(job))
    return shown !== undefined && isEnded(shown)
  }
  await until(attempt, { timeoutMs: SERVED_WITHIN_MS, what: 'a call and a read of its job' })
}
