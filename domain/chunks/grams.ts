/**
 * Where rows of n tokens come again, within a text and across texts.
 *
 * Invariants:
 * 1. Exact: a hash only finds where to look, the tokens are compared.
 * 2. A row of tokens never crosses from one text into the next.
 * 3. A place is looked up at most `PROBES_MAX` times; a row of tokens that finds no room by then
 *    counts as new. Only hostile input comes to that.
 */

const PROBES_MAX = 256

export interface Grams {
  /** Per place in `tokens`: where the row of tokens that begins there stood first; −1: none begins. */
  readonly firstAt: Int32Array
  /** Per first place: the row stands elsewhere too. */
  readonly isShared: Uint8Array
  /** Per place: another one where the same row begins, or −1 after the last. Starts at the first. */
  readonly nextAt: Int32Array
}

/** `offsets[i] … offsets[i + 1]` are text i's tokens; `isElsewhere` compares two places of a row. */
export function findGrams(
  tokens: Int32Array,
  offsets: Int32Array,
  n: number,
  isElsewhere: (first: number, at: number) => boolean,
): Grams {
  const nextAt = new Int32Array(tokens.length).fill(-1)
  const isShared = new Uint8Array(tokens.length)
  const slots = slotsFor(tokens.length)
  const firstAt = search({ tokens, offsets, n, slots, isApart: false }, (first, at) => {
    nextAt[at] = nextAt[first] as number
    nextAt[first] = at
    if (isElsewhere(first, at)) isShared[first] = 1
  })
  return { firstAt, nextAt, isShared }
}

/** `firstAt`, if each text stood alone. */
export function findRepeats(tokens: Int32Array, offsets: Int32Array, n: number): Int32Array {
  let longest = 0
  for (let i = 1; i < offsets.length; i++) {
    longest = Math.max(longest, (offsets[i] as number) - (offsets[i - 1] as number))
  }
  const slots = slotsFor(longest)
  return search({ tokens, offsets, n, slots, isApart: true }, () => undefined)
}

const slotsFor = (length: number) =>
  new Int32Array(2 ** Math.ceil(Math.log2(Math.max(8, length * 1.5)))).fill(-1)

interface Search {
  readonly tokens: Int32Array
  readonly offsets: Int32Array
  readonly n: number
  readonly slots: Int32Array
  /** A text knows nothing of those before it. */
  readonly isApart: boolean
}

function search(
  { tokens, offsets, n, slots, isApart }: Search,
  onRepeat: (first: number, at: number) => void,
): Int32Array {
  const firstAt = new Int32Array(tokens.length).fill(-1)
  const mask = slots.length - 1
  for (let text = 0; text + 1 < offsets.length; text++) {
    const start = offsets[text] as number
    const last = (offsets[text + 1] as number) - n
    const known = isApart ? start : 0
    for (let at = start; at <= last; at++) {
      let slot = hashAt(tokens, at, n) & mask
      for (let probes = 0; probes < PROBES_MAX; probes++, slot = (slot + 1) & mask) {
        const first = slots[slot] as number
        if (first < known) {
          slots[slot] = firstAt[at] = at
          break
        }
        if (!same(tokens, first, at, n)) continue
        firstAt[at] = first
        onRepeat(first, at)
        break
      }
    }
  }
  return firstAt
}

function hashAt(tokens: Int32Array, at: number, n: number): number {
  let hash = 0x811c9dc5
  for (let i = at; i < at + n; i++) {
    hash = Math.imul(hash ^ (tokens[i] as number), 0x01000193)
    hash ^= hash >>> 15
  }
  return Math.imul(hash, 0x85ebca6b) ^ (hash >>> 13)
}

function same(tokens: Int32Array, a: number, b: number, n: number): boolean {
  for (let i = 0; i < n; i++) if (tokens[a + i] !== tokens[b + i]) return false
  return true
}
