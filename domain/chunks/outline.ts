/**
 * A plan in one line, for people: what to do, and where. Offsets count UTF-16 units of the content.
 *
 * Invariant: however many places a plan has, the line names the first few, and how many more there are.
 */
import type { Plan } from '#events/chunks.ts'

const PLACES_MAX = 8

export function outlineOf(plan: Plan): string {
  switch (plan.action) {
    case 'split':
      return `split into ${listed(plan.parts.map(range))}`
    case 'merge':
      return `merge ${listed(plan.chunk_ids)}`
    case 'trim':
      return `cut ${listed(plan.spans.map((span) => `${range(span)} (kept in ${span.kept_in})`))}`
  }
}

const range = ({ start, end }: { readonly start: number; readonly end: number }) =>
  `${start}–${end}`

function listed(places: readonly string[]): string {
  const told = places.slice(0, PLACES_MAX).join(', ')
  return places.length > PLACES_MAX ? `${told} and ${places.length - PLACES_MAX} more` : told
}
