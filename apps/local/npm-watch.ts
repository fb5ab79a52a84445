/**
 * Under npm, the shell between npm and us takes the signal that was meant for us and dies of it.
 * When it is gone, or npm was killed, nobody could stop us any more: so we stop.
 */
import type { Env } from './provision/ladder.ts'

const POLL_MS = 250

export function watchNpm(env: Env, gone: () => void): Disposable {
  if (env['npm_lifecycle_event'] === undefined) return { [Symbol.dispose]() {} }
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    gone()
  }, POLL_MS)
  watch.unref()
  return { [Symbol.dispose]: () => clearInterval(watch) }
}
