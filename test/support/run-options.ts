/** What a long run is asked to do: arguments first, then the environment, then defaults. */

const SEED_MAX = 2 ** 31

export const anySeed = () => 1 + Math.floor(Math.random() * SEED_MAX)

/** With `CHAOS` and `{ inFlight: 32 }`: `--in-flight=32`, or CHAOS_IN_FLIGHT; whole, from 1. */
export function runOptions<Options extends Readonly<Record<string, number>>>(
  prefix: string,
  defaults: Options,
  args: readonly string[] = [],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Options {
  const given = Object.entries(defaults).map(([option, fallback]) => {
    const name = option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    const flag = `--${name}=`
    const inEnv = `${prefix}_${name.toUpperCase().replaceAll('-', '_')}`
    const text = args.find((arg) => arg.startsWith(flag))?.slice(flag.length) ?? env[inEnv] ?? ''
    const value = text === '' ? fallback : Number(text)
    if (Number.isInteger(value) && value > 0) return [option, value] as const
    throw new Error(`${flag}${text}: a whole number above 0 is needed (also settable as ${inEnv})`)
  })
  return Object.fromEntries(given) as Options
}
