/**
 * The lambda API, part 3: the functions, as scripts.
 * Source: its document's sections on the list and the details of scripts.
 */
import type { Agreement } from '../../knowledge/agreement.ts'
import type { Defined, Definitions } from '../../knowledge/definitions.ts'
import type { Router } from '../../http/exchange.ts'
import { wholeNumber } from '../../http/page.ts'
import { answered, seconds } from './dialect.ts'
import { functionOfTitle, languageTitle, titleNotFound } from './language-title.ts'
import {
  PAGE_MAX,
  PER_PAGE_DEFAULT,
  PER_PAGE_MAX,
  type ScriptDetails,
  type ScriptPage,
  type ScriptView,
} from './schemas.ts'

export interface ScriptRoutesOptions {
  readonly definitions: Definitions
  readonly agreement: Agreement
}

export function scriptRoutes(
  router: Router,
  { definitions, agreement }: ScriptRoutesOptions,
): void {
  router.on('GET /api/v1/functions', (exchange) => {
    const { owner } = exchange.principal
    const page = wholeNumber(exchange, 'page', 1, PAGE_MAX)
    const perPage = wholeNumber(exchange, 'per_page', PER_PAGE_DEFAULT, PER_PAGE_MAX)
    const language = exchange.query('language')
    agreement.requirePresence()
    const all = [...definitions.of(owner)].filter(
      ({ definition: { runtime } }) => language === undefined || runtime === language,
    )
    all.sort((a, b) => a.function_id - b.function_id)
    const functions = all.slice((page - 1) * perPage, page * perPage).map(scriptView)
    return answered<ScriptPage>({ total: all.length, page, per_page: perPage, functions })
  })

  router.on('GET /api/v1/functions/:language_title', ({ param, principal }) => {
    agreement.requirePresence()
    const title = param('language_title')
    const defined = functionOfTitle(definitions, principal.owner, title)
    if (defined === undefined) throw titleNotFound(title, 'language_title')
    const { schema = {}, examples = [] } = defined.definition
    // The schema of a script that has none allows everything.
    const { params = {}, result = {} } = schema
    return answered<ScriptDetails>({ ...scriptView(defined), schema: { params, result }, examples })
  })
}

function scriptView({
  definition,
  function_id,
  version,
  created_at,
  updated_at,
}: Defined): ScriptView {
  const { runtime: language, name: title, description = '' } = definition
  const language_title = languageTitle(definition)
  const document = { language, title, language_title, description }
  const times = { created_at: seconds(created_at), updated_at: seconds(updated_at) }
  return { ...document, ...times, function_id, version }
}
