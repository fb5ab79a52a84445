/** How one environment variable is read: whole, within its bounds, or with an error that helps. */

export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID'
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}

export type Env = Readonly<Record<string, string | undefined>>

export function text(env: Env, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' ? undefined : value
}

/** What stands between commas; none: nothing was given. */
export function list(env: Env, name: string): readonly string[] {
  const items = text(env, name)?.split(',') ?? []
  return items.map((item) => item.trim()).filter((item) => item !== '')
}

export function integer(
  env: Env,
  name: string,
  fallback: number,
  min: number,
  max: number,
): number {
  const given = text(env, name)
  if (given === undefined) return fallback
  const value = Number(given)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new ConfigError(
    `${name} is ${JSON.stringify(given)}: it must be a whole number from ${min} to ${max}. ` +
      `Set it in the environment or in .env, or leave it out for ${fallback}.`,
  )
}

export function oneOf<T extends string>(
  env: Env,
  name: string,
  allowed: readonly T[],
  fallback: T,
): T {
  const given = text(env, name)
  if (given === undefined) return fallback
  const value = allowed.find((candidate) => candidate === given)
  if (value !== undefined) return value
  throw new ConfigError(
    `${name} is ${JSON.stringify(given)}: it must be one of ${allowed.join(', ')}. ` +
      `Set it in the environment or in .env, or leave it out for ${fallback}.`,
  )
}
