import { anySeed, runOptions } from '#test/support/run-options.ts'

const KILLS_DEFAULT = 60
const IN_FLIGHT_DEFAULT = 32

export interface ChaosOptions {
  /** Parts that are killed with -9 before the load stops. */
  readonly kills: number
  readonly inFlight: number
  /** The same seed gives the same victims, pauses and mix of requests; not the same interleaving. */
  readonly seed: number
}

/** `--kills=60 --seed=7 --in-flight=32`, or CHAOS_KILLS, CHAOS_SEED, CHAOS_IN_FLIGHT. */
export const chaosOptions = (args: readonly string[] = []): ChaosOptions =>
  runOptions('CHAOS', { kills: KILLS_DEFAULT, inFlight: IN_FLIGHT_DEFAULT, seed: anySeed() }, args)
