/**
 * Like `Promise.all`, but it fails when all have ended: what still starts while the others are
 * being released would be released by nobody.
 */
export async function allOf<T extends readonly unknown[]>(
  steps: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(steps)
  return Promise.all(steps)
}
