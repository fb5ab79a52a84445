/**
 * `<runtime>-<name>`: how the lambda API calls a function.
 *
 * A header carries bytes, and clients disagree on how text becomes bytes: some send UTF-8, some
 * percent-encode it. A name may hold a percent sign itself, so what was sent is tried as it is
 * first.
 */
import { excerpt, Problem } from '#domain/problem.ts'
import { NAME_LENGTH_MAX, type Definition } from '#events/functions.ts'
import type { Defined, Definitions } from '../../knowledge/definitions.ts'

const TITLE = /^(?<language>[a-z]+)-(?<name>.+)$/su
const HEADER = 'Language-Title'

export const languageTitle = ({ runtime, name }: Pick<Definition, 'runtime' | 'name'>) =>
  `${runtime}-${name}`

/** The function that the header names; `given` is as Node has it, one character a byte. */
export function functionOfHeader(
  definitions: Definitions,
  owner: string,
  given: string | undefined,
): Defined {
  if (given === undefined || given === '') {
    const message = `${HEADER} is required: <language>-<title>, such as nodejs-calculator.`
    throw new Problem('INVALID_REQUEST', message, { field: HEADER })
  }
  const text = fromBytes(given)
  if (text === undefined) {
    const message = `${HEADER} must be given as UTF-8, perhaps percent-encoded.`
    throw new Problem('INVALID_REQUEST', message, { field: HEADER })
  }
  const decoded = percentDecoded(text)
  const readings = decoded === undefined || decoded === text ? [text] : [text, decoded]
  if (!readings.some((reading) => TITLE.test(reading))) {
    const message = `${HEADER} must be <language>-<title>, such as nodejs-calculator.`
    throw new Problem('INVALID_REQUEST', message, { field: HEADER, given: excerpt(text) })
  }
  for (const reading of readings) {
    const defined = functionOfTitle(definitions, owner, reading)
    if (defined !== undefined) return defined
  }
  throw titleNotFound(readings.at(-1) ?? text, HEADER)
}

export function functionOfTitle(
  definitions: Definitions,
  owner: string,
  title: string,
): Defined | undefined {
  const { language, name = '' } = TITLE.exec(title)?.groups ?? {}
  const defined = definitions.named(owner, name)
  return defined?.definition.runtime === language ? defined : undefined
}

export function titleNotFound(title: string, field: string): Problem {
  const shown = JSON.stringify(title.slice(0, NAME_LENGTH_MAX).toWellFormed())
  return new Problem('NOT_FOUND', `There is no function ${shown}.`, { field })
}

function fromBytes(latin1: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(latin1, 'latin1'))
  } catch {
    // Not UTF-8: the caller says so.
    return undefined
  }
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    // A percent sign that encodes nothing stands for itself.
    return undefined
  }
}
