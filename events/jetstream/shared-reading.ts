/**
 * One reading of the log for all who ask about the same function at the same time, as they do when
 * many of its messages come back together.
 *
 * Invariant: a reading serves who asks while it is under way and about nothing older than it reads;
 * nothing is remembered once it has ended.
 */
export type ReadSince<Reading> = (functionId: number, sinceMs: number) => Promise<Reading>

interface UnderWay<Reading> {
  readonly sinceMs: number
  readonly reading: Promise<Reading>
}

export function shareReadings<Reading>(read: ReadSince<Reading>): ReadSince<Reading> {
  const underWay = new Map<number, UnderWay<Reading>>()

  return (functionId, sinceMs) => {
    const shared = underWay.get(functionId)
    if (shared !== undefined && shared.sinceMs <= sinceMs) return shared.reading
    const mine = { sinceMs, reading: read(functionId, sinceMs) }
    underWay.set(functionId, mine)
    const forget = () => {
      if (underWay.get(functionId) === mine) underWay.delete(functionId)
    }
    mine.reading.then(forget, forget)
    return mine.reading
  }
}
