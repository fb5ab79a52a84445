/** Dead letters for operators: look at what could not be done, put it back, or throw it away. */
import type { Log } from '#runtime/log.ts'
import type { RouteName } from '../../access/routes.ts'
import { asProblem, type Exchange, type Handle, type Router } from '../../http/exchange.ts'
import { readJson, readOptionalText, parseJson } from '../../http/body.ts'
import { excerpt, Problem } from '#domain/problem.ts'
import { requireKnown } from '../../http/query.ts'
import { validator } from '../../http/validate.ts'
import type { DeadLetters, Letter, Redriven, Wanted } from '../../dead-letters/letters.ts'
import type { Redrive } from '../../dead-letters/redrive.ts'
import { idOf } from '../functions/functions.ts'
import { shown } from './dialect.ts'
import {
  PAGE_DEFAULT,
  PAGE_MAX,
  PURGED_MAX,
  RedriveBody,
  RedriveManyBody,
  SEQ_MAX,
  TOKEN,
  type LetterDetails,
  type LetterPage,
  type LetterView,
  type Purged,
  type RedrivenMany,
  type RedrivenView,
} from './schemas.ts'

const FILTER = ['stream', 'consumer', 'code', 'after', 'limit']
const token = new RegExp(TOKEN)

const validAgain = validator<RedriveBody>(RedriveBody)
const validMany = validator<RedriveManyBody>(RedriveManyBody)

export interface DeadLetterRoutesOptions {
  readonly letters: DeadLetters
  readonly redrive: Redrive
  readonly log: Log
}

export function deadLetterRoutes(router: Router, options: DeadLetterRoutesOptions): void {
  const { letters, redrive, log } = options

  // A filter that is mistyped must not mean all letters.
  const on = (route: RouteName, known: readonly string[], handle: Handle) =>
    router.on(route, (exchange) => {
      requireKnown(exchange, known)
      return handle(exchange)
    })
  const required = async (id: number): Promise<Letter> => {
    const letter = await letters.find(id)
    if (letter !== undefined) return letter
    throw new Problem('NOT_FOUND', `There is no dead letter ${id}.`, { field: 'id' })
  }
  const viewed = async ({
    id,
    at,
    stream,
    consumer,
    seq,
    subject,
    ...letter
  }: Letter): Promise<LetterView> => {
    const { deliveries, code, reason } = letter
    const redriven = (await letters.redriven(id))?.data
    return {
      ...{ id, at, stream, consumer, seq, subject, deliveries, code, reason },
      redriven: redriven === undefined ? null : redrivenView(redriven),
    }
  }

  on('GET /api/v1/dead-letters', FILTER, async (exchange) => {
    const page = await letters.page(wantedOf(exchange, PAGE_DEFAULT))
    const { next } = page
    return shown<LetterPage>(200, {
      dead_letters: await Promise.all(page.letters.map(viewed)),
      next,
    })
  })

  on('GET /api/v1/dead-letters/:id', [], async (exchange) => {
    const letter = await required(idOf(exchange, 'id'))
    const { headers, payload } = letter
    return shown<LetterDetails>(200, { ...(await viewed(letter)), headers, payload })
  })

  on('POST /api/v1/dead-letters/:id/redrive', [], async (exchange) => {
    const id = idOf(exchange, 'id')
    const text = await readOptionalText(exchange)
    const { again = false } = validAgain(text === undefined ? {} : parseJson(text))
    return shown<RedrivenView>(
      200,
      redrivenView(await redrive(await required(id), again, exchange)),
    )
  })

  on('POST /api/v1/dead-letters/redrive', [], async (exchange) => {
    const body = validMany(await readJson(exchange))
    const { ids, again = false, after = 0, limit = PAGE_MAX, ...filter } = body
    const page = ids === undefined ? await letters.page({ ...filter, after, limit }) : undefined
    const redriven: RedrivenView[] = []
    const refused: RedrivenMany['refused'][number][] = []
    for (const id of ids ?? page?.letters.map((letter) => letter.id) ?? []) {
      try {
        redriven.push(redrivenView(await redrive(await required(id), again, exchange)))
      } catch (error) {
        const problem = asProblem(error)
        const { code, message } = problem
        if (code === 'INTERNAL') {
          log.error('redrive_failed', { requestId: exchange.requestId, letter: id, error: problem })
        }
        refused.push({ id, code, message })
      }
    }
    return shown<RedrivenMany>(200, { redriven, refused, next: page?.next ?? null })
  })

  on('DELETE /api/v1/dead-letters/:id', [], async (exchange) => {
    const id = idOf(exchange, 'id')
    await required(id)
    await letters.remove(id)
    return { status: 204 }
  })

  on('DELETE /api/v1/dead-letters', FILTER, async (exchange) => {
    const page = await letters.page(wantedOf(exchange, PURGED_MAX))
    let purged = 0
    for (const { id } of page.letters) {
      if (await letters.remove(id)) purged++
    }
    return shown<Purged>(200, { purged, next: page.next })
  })
}

function redrivenView({ letter, ...redriven }: Redriven): RedrivenView {
  return { id: letter, ...redriven }
}

function wantedOf(exchange: Exchange, fallback: number): Wanted {
  return {
    stream: tokenOf(exchange, 'stream'),
    consumer: tokenOf(exchange, 'consumer'),
    code: tokenOf(exchange, 'code'),
    after: wholeNumber(exchange, 'after', 0, 0, SEQ_MAX),
    limit: wholeNumber(exchange, 'limit', fallback, 1, Math.max(fallback, PAGE_MAX)),
  }
}

/** A name as it stands in a subject. */
function tokenOf({ query }: Exchange, name: string): string | undefined {
  const text = query(name)
  if (text === undefined || token.test(text)) return text
  throw new Problem('INVALID_REQUEST', `${name} must be a name of letters, digits, - and _.`, {
    field: name,
    given: excerpt(text),
  })
}

function wholeNumber(
  { query }: Exchange,
  name: string,
  fallback: number,
  ...[min, max]: readonly [number, number]
): number {
  const text = query(name)
  if (text === undefined) return fallback
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return value
  throw new Problem('INVALID_REQUEST', `${name} must be a whole number from ${min} to ${max}.`, {
    field: name,
    given: excerpt(text),
  })
}
