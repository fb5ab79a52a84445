import { anySeed, runOptions } from '#test/support/run-options.ts'

const REQUESTS_DEFAULT = 20_000

export interface FuzzOptions {
  readonly requests: number
  readonly seed: number
}

/** `--requests=20000 --seed=7`, or FUZZ_REQUESTS and FUZZ_SEED. */
export const fuzzOptions = (args: readonly string[] = []): FuzzOptions =>
  runOptions('FUZZ', { requests: REQUESTS_DEFAULT, seed: anySeed() }, args)
