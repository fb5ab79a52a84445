/**
 * Turns what came out of a sandboxed process into a run's result.
 *
 * Invariants:
 * 1. Everything in a frame was written by somebody hostile: figures are finite, non-negative and
 *    capped by what the host measured, texts are cut, a result is valid JSON of bounded size and
 *    depth, and a kind that is not known is an ordinary error.
 * 2. No recursion over the user's data.
 */
import { type RunResult, type RunUsage, type SourceError, LIMITS } from './contract.ts'
import { type Frame, frameType, USAGE_BYTES } from './frames.ts'

const MESSAGE_CHARS = 4096
const STACK_CHARS = 16_384
const CPU_CORES_AT_MOST = 64
/** Only such digits can be a number that no double holds. */
const MAY_OVERFLOW = /\d[eE]\+?0*\d{3}|\d{309}/
/** Reading the CPU clock costs tens of microseconds itself: a shorter run is fully busy at most. */
const CPU_CLOCK_COST_MS = 1

export interface Reading {
  readonly outcome: RunResult['outcome']
  readonly usage: Omit<RunUsage, 'cold'>
  /** The process may serve another call. */
  readonly reusable: boolean
  /** The frame itself made no sense: its process is not worth a second try. */
  readonly broken: boolean
}

export function readAnswer(frame: Frame, limits: { wallMs: number; memoryMb: number }): Reading {
  const { type, payload } = frame
  const isKnown = type === frameType.result || type === frameType.error
  if (!isKnown || payload.length < USAGE_BYTES) return broken('it sent a frame of no known kind')
  const usage = readUsage(payload, limits)
  const text = payload.toString('utf8', USAGE_BYTES)
  if (type === frameType.result) {
    if (payload.length - USAGE_BYTES > LIMITS.resultBytes) return broken('its result is too large')
    if (!isJson(text)) return broken('its result is not JSON')
    const message = unusable(text)
    if (message !== undefined) {
      const outcome = { ok: false, error: { code: 'RUNTIME_ERROR', message } } as const
      return { outcome, usage, reusable: true, broken: false }
    }
    return { outcome: { ok: true, result: text }, usage, reusable: true, broken: false }
  }
  const read = readError(text, limits.memoryMb)
  if (read === undefined) return broken('it sent an error that is not JSON')
  return {
    outcome: { ok: false, error: read.error },
    usage,
    reusable: read.reusable,
    broken: false,
  }
}

function broken(why: string): Reading {
  const message = `The function's process broke the protocol: ${why}.`
  return {
    outcome: { ok: false, error: { code: 'RUNTIME_ERROR', message } },
    usage: { durationMs: 0, cpuMs: 0, memoryBytes: 0 },
    reusable: false,
    broken: true,
  }
}

const toMicroseconds = (ms: number) => Math.round(ms * 1000) / 1000

function readUsage(payload: Buffer, limits: { wallMs: number; memoryMb: number }) {
  const capped = (value: number, cap: number) =>
    Number.isFinite(value) && value > 0 ? Math.min(value, cap) : 0
  const durationMs = toMicroseconds(capped(payload.readDoubleLE(0) / 1000, limits.wallMs))
  const threads = durationMs < CPU_CLOCK_COST_MS ? 1 : CPU_CORES_AT_MOST
  return {
    durationMs,
    cpuMs: toMicroseconds(capped(payload.readDoubleLE(8) / 1000, durationMs * threads)),
    memoryBytes: Math.trunc(
      capped(payload.readDoubleLE(16), (limits.memoryMb + 512) * 1024 * 1024),
    ),
  }
}

function readError(text: string, memoryMb: number) {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof raw !== 'object' || raw === null) return undefined
  const fields = raw as Record<string, unknown>
  const isMemory = fields['kind'] === 'memory'
  const message = cut(fields['message'], MESSAGE_CHARS)
  const type = cut(fields['type'], 200)
  const stack = cut(fields['stack'], STACK_CHARS)
  const line = position(fields['line'])
  const column = position(fields['column'])
  const error: SourceError = {
    code: isMemory ? 'MEMORY_LIMIT' : 'RUNTIME_ERROR',
    message: isMemory
      ? `The function needed more than its ${memoryMb} MiB of memory (${message ?? 'no memory'}).`
      : (message ?? ''),
    ...(type === undefined ? {} : { type }),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    ...(stack === undefined ? {} : { stack }),
  }
  // A process that ran out of memory, or fails outside of a call, is in no state to serve another.
  return { error, reusable: !isMemory && fields['kind'] !== 'async' }
}

const cut = (value: unknown, chars: number) =>
  typeof value === 'string' ? value.slice(0, chars).toWellFormed() : undefined

/** Lines and columns count from 1. */
export const position = (value: unknown) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Why a result that is JSON cannot be kept as it is. */
function unusable(text: string): string | undefined {
  if (isDeeperThan(text, LIMITS.jsonDepth)) {
    return `The result is nested deeper than ${LIMITS.jsonDepth} levels.`
  }
  return MAY_OVERFLOW.test(text) && hasInfinity(text)
    ? 'The result has a number beyond the range of a double.'
    : undefined
}

/** A number that no double holds would be read as an infinity, and travel on as null. */
function hasInfinity(text: string): boolean {
  let found = false
  JSON.parse(text, (_key, value: unknown) => {
    if (value === Infinity || value === -Infinity) found = true
    return value
  })
  return found
}

/** Counts brackets outside of strings in a text that is known to be JSON. */
export function isDeeperThan(text: string, depth: number): boolean {
  if (text.length <= depth * 2) return false
  let open = 0
  let inString = false
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at)
    if (inString) {
      if (char === 0x5c) at += 1
      else if (char === 0x22) inString = false
    } else if (char === 0x22) inString = true
    else if (char === 0x5b || char === 0x7b) {
      open += 1
      if (open > depth) return true
    } else if (char === 0x5d || char === 0x7d) open -= 1
  }
  return false
}
