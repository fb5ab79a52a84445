/** What a chaos run is asked to do: arguments first, then the environment, then defaults. */

const KILLS_DEFAULT = 60
const IN_FLIGHT_DEFAULT = 32
const SEED_MAX = 2 ** 31

export interface ChaosOptions {
  /** Parts that are killed with -9 before the load stops. */
  readonly kills: number
  /** The same seed gives the same victims, pauses and mix of requests; not the same interleaving. */
  readonly seed: number
  readonly inFlight: number
}

type Env = Readonly<Record<string, string | undefined>>

/** `--kills=60 --seed=7 --in-flight=32`, or CHAOS_KILLS, CHAOS_SEED, CHAOS_IN_FLIGHT. */
export function chaosOptions(args: readonly string[], env: Env): ChaosOptions {
  const given = (name: string, fallback: number): number => {
    const flag = `--${name}=`
    const inEnv = `CHAOS_${name.toUpperCase().replaceAll('-', '_')}`
    const text = args.find((arg) => arg.startsWith(flag))?.slice(flag.length) ?? env[inEnv]
    if (text === undefined || text === '') return fallback
    const value = Number(text)
    if (Number.isInteger(value) && value > 0) return value
    throw new Error(`${flag}${text}: a whole number above 0 is needed (also settable as ${inEnv})`)
  }
  return {
    kills: given('kills', KILLS_DEFAULT),
    seed: given('seed', 1 + Math.floor(Math.random() * SEED_MAX)),
    inFlight: given('in-flight', IN_FLIGHT_DEFAULT),
  }
}
