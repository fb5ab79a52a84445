/**
 * Whether an answer is larger than anybody should get at once. What a page holds is bounded, but a
 * document may name the same values many times: they are one in memory, and many when written down.
 */

/** Some pages of the largest results. */
export const ANSWER_BYTES_MAX = 32 * 1024 ** 2
/** Of a value beside its text: a comma, quotes, a bracket. */
const AROUND = 4

/** About, and never more work than `max` allows. */
export function isLargerThan(max: number, answer: unknown): boolean {
  const left: unknown[] = [answer]
  let bytes = 0
  while (left.length > 0) {
    const value = left.pop()
    bytes += AROUND + (typeof value === 'string' ? value.length : 0)
    if (bytes > max) return true
    if (typeof value !== 'object' || value === null) continue
    for (const [name, member] of Object.entries(value)) {
      bytes += name.length
      left.push(member)
    }
  }
  return false
}
