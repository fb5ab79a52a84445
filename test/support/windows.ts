/** The most of these moments that lie within one window of that length, wherever it begins. */
export function mostInAnyWindow(moments: readonly number[], lengthMs: number): number {
  const sorted = [...moments].sort((a, b) => a - b)
  let [most, first] = [0, 0]
  for (const [index, moment] of sorted.entries()) {
    while (moment - (sorted[first] as number) >= lengthMs) first++
    most = Math.max(most, index - first + 1)
  }
  return most
}
