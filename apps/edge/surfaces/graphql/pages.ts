/** The arguments of a page that goes on after what was seen. */
import { wholeNumber } from '../../http/page.ts'

export const FIRST_MAX = 100
export const FIRST_DEFAULT = 20

export interface PageArgs {
  readonly first?: number | null
  readonly after?: number | null
}

/** What is null was not given, as everywhere. */
export function pageIn({ first, after }: PageArgs) {
  return {
    first: within('first', first ?? FIRST_DEFAULT),
    after: after ?? undefined,
  }
}

const within = (name: string, value: number) =>
  wholeNumber({ query: () => String(value) }, name, FIRST_DEFAULT, FIRST_MAX)

/** `next_after` is there as long as there is more. */
export function cursor(last: number | undefined, has_more: boolean) {
  return { has_more, next_after: has_more ? last : null }
}
