/**
 * Texts that never change while the process lives: whoever has one already is told so.
 * Source: RFC 9110, sections 8.8.3 and 13.1.2.
 */
import { createHash } from 'node:crypto'
import type { Answer, Exchange } from '../http/exchange.ts'

/** Kept for good under a name that has its digest, asked for again under any other. */
const FOR_GOOD = 'public, max-age=31536000, immutable'
const ASK_AGAIN = 'no-cache'

export interface Kept {
  readonly body: string
  readonly digest: string
  readonly headers: Readonly<Record<string, string>>
}

export function keep(
  body: string,
  contentType: string,
  more: Readonly<Record<string, string>> = {},
): Kept {
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 16)
  const headers = {
    'content-type': contentType,
    'cache-control': ASK_AGAIN,
    etag: `"${digest}"`,
    'x-content-type-options': 'nosniff',
    ...more,
  }
  return { body, digest, headers }
}

export const keptForGood = { 'cache-control': FOR_GOOD }

export function answerKept({ header }: Pick<Exchange, 'header'>, kept: Kept): Answer {
  const { body, digest, headers } = kept
  const known = (header('if-none-match') ?? '').split(',').map((tag) => tag.trim())
  const isKnown =
    known.includes('*') || known.some((tag) => tag.replace(/^W\//, '') === `"${digest}"`)
  return isKnown ? { status: 304, headers } : { status: 200, body, headers }
}
