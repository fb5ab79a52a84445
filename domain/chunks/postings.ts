/** Of each token the rows that have it, as far as they were put in: one list beside the other. */

export interface Postings {
  /** Where each token's list stands in `rows`; there is room for all that could be indexed. */
  readonly heads: Int32Array
  readonly ends: Int32Array
  readonly rows: Int32Array
}

/** Empty. */
export function postings(frequency: Int32Array): Postings {
  const heads = new Int32Array(frequency.length)
  let total = 0
  frequency.forEach((count, rank) => {
    heads[rank] = total
    total += count
  })
  return { heads, ends: heads.slice(), rows: new Int32Array(total) }
}

export function append({ ends, rows }: Postings, rank: number, row: number): void {
  const end = ends[rank] as number
  rows[end] = row
  ends[rank] = end + 1
}
