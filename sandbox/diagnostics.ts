/**
 * Reads what rustc says, one JSON object a line, as one refusal in terms of the user's own source.
 *
 * Invariant: it was written by a compiler that has read a hostile source: nothing of it is trusted
 * to have a shape, and texts are cut.
 */
import type { CheckResult } from './contract.ts'
import { position } from './outcome.ts'

const FILE = 'function.rs'
const MESSAGE_CHARS = 1000
const SIGNATURE = 'fn handler(event: Json) -> Result<Json, String>'
/** What rustc calls "cannot find value in this scope". */
const NOT_FOUND = 'E0425'

type Fields = Readonly<Record<string, unknown>>
type Refusal = Extract<CheckResult, { ok: false }>

/** The first error that has a place in the source, or the first one at all. */
export function readDiagnostics(said: string, code: string): Refusal | undefined {
  const errors = said
    .split('\n')
    .map(parse)
    .filter((each) => each?.['level'] === 'error')
    .map((each) => read(each as Fields, code))
  return errors.find(({ line }) => line !== undefined) ?? errors[0]
}

function parse(line: string): Fields | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Fields
  } catch {
    // Cut off where too much was said.
    return undefined
  }
}

function read(error: Fields, code: string): Refusal {
  const message = textOf(error['message'])
  const primary = listOf(error['spans']).find((span) => span['is_primary'] === true)
  const own = primary && ownSpan(primary)
  if (own === undefined) {
    const kind = textOf((error['code'] as Fields | null)?.['code'])
    if (kind === NOT_FOUND && message.includes('`handler`')) {
      return { ok: false, message: `The source defines no \`${SIGNATURE}\`.` }
    }
    if (message.includes('Handler<') || /handler/.test(JSON.stringify(primary ?? null))) {
      return {
        ok: false,
        message:
          `The handler has to be \`${SIGNATURE}\`, ` +
          'or the same with a second argument `context: Json`.',
        ...placeOf(code, /\bfn\s+(?=handler\b)/),
      }
    }
    return { ok: false, message: cut(message.startsWith('linking') ? linking(error) : message) }
  }
  const label = textOf(primary?.['label'])
  const line = position(own['line_start'])
  const column = position(own['column_start'])
  return {
    ok: false,
    message: cut(label === '' || message.includes(label) ? message : `${message}: ${label}`),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
  }
}

/** The span itself, or where the source calls the macro that it lies in. */
function ownSpan(span: Fields): Fields | undefined {
  for (let at: Fields | undefined = span; at !== undefined;) {
    if (at['file_name'] === FILE) return at
    at = (at['expansion'] as Fields | null | undefined)?.['span'] as Fields | undefined
  }
  return undefined
}

/** Of the linker's words only those that name a symbol or a library: the others are our paths. */
function linking(error: Fields): string {
  const notes = listOf(error['children']).map((child) => textOf(child['message']))
  const lines = notes
    .flatMap((note) => note.split('\n'))
    .flatMap((line) => {
      const named =
        /undefined reference to .*|undefined symbol: .*|cannot find -l.*|unable to find library .*|multiple definition of \S+|duplicate symbol: .*/.exec(
          line,
        )
      return named === null ? [] : [named[0]]
    })
  return `The program cannot be linked: ${lines.slice(0, 3).join('; ') || 'the linker failed'}`
}

function placeOf(code: string, what: RegExp): { line?: number; column?: number } {
  const found = what.exec(code)
  if (found === null) return {}
  const before = code.slice(0, found.index + found[0].length).split('\n')
  return { line: before.length, column: [...(before.at(-1) ?? '')].length + 1 }
}

const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? (value as Fields[]) : [])
const textOf = (value: unknown) => (typeof value === 'string' ? value : '')
const cut = (text: string) => text.slice(0, MESSAGE_CHARS).toWellFormed()
