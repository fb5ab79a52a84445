/**
 * One answer for all who ask at about the same time: whoever floods an operations route costs the
 * servers behind it a few questions a second, and no more.
 */

/** `produce` runs at most once at a time; its answer serves for `ttlMs` after it came. */
export function sharedAnswer<T>(ttlMs: number, produce: () => Promise<T>): () => Promise<T> {
  let pending: Promise<T> | undefined
  let last: { readonly value: T; readonly at: number } | undefined

  const renew = async () => {
    try {
      const value = await produce()
      last = { value, at: performance.now() }
      return value
    } finally {
      pending = undefined
    }
  }
  return () => {
    if (last !== undefined && performance.now() - last.at < ttlMs)
      return Promise.resolve(last.value)
    return (pending ??= renew())
  }
}
