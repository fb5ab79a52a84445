/** What a request creates, as its handler sees it: the same id however often the request is tried. */
import type { CreatedId } from '#events/keys.ts'

interface Source<Id> {
  take(): Id | Promise<Id>
}

export interface Effect {
  /**
   * The id of what the request creates. Ask for it once, right before the effect: what fails earlier
   * has had none, and its Idempotency-Key is free again.
   */
  newId<Id extends CreatedId>(ids: Source<Id>): Id | Promise<Id>
  /** With this id somebody may have begun before: look what is there, and answer from it. */
  readonly before: CreatedId | undefined
  /** Throws once somebody else may have taken the request over: the effect must not start. */
  requireMine(): void
}

/** Without an Idempotency-Key each request is a new one. */
export const NEW_EFFECT: Effect = Object.freeze<Effect>({
  newId: (ids) => ids.take(),
  before: undefined,
  requireMine: () => undefined,
})
