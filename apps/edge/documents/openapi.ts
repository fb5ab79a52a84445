/**
 * The OpenAPI 3.1 document of every route, made of the table of access, the operations and the very
 * schemas that validate.
 *
 * Invariant: it depends on nothing but whether credentials are needed here, so it is made once.
 */
import Type from 'typebox'
import type { AuthMode } from '#runtime/config-access.ts'
import { ROUTES } from '../access/routes.ts'
import { dialectOf } from '../surfaces/dialect-of.ts'
import { HEADERS, type Access } from './manners.ts'
import { NamedSchemas } from './named-schemas.ts'
import { TAGS, type Operation, type Parameter } from './operation.ts'
import { OPERATIONS, type DocumentedRoute } from './operations.ts'
import { shownAnswers, shownContent, shownHeader } from './shown.ts'

export interface OpenApiOptions {
  readonly auth: AuthMode
  readonly version: string
}

export function openApi({ auth, version }: OpenApiOptions) {
  const schemas = new NamedSchemas()
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [route, operation] of Object.entries(OPERATIONS)) {
    const [method = '', template = ''] = route.split(' ')
    const path = template.replace(/:(\w+)/g, '{$1}')
    const shown = shownOperation(route as DocumentedRoute, operation, { auth, schemas })
    paths[path] = { ...paths[path], [method.toLowerCase()]: shown }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sluice',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: './', description: 'Where this document comes from.' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: schemas.all,
      headers: Object.fromEntries(
        Object.entries(HEADERS).map(([name, [, header]]) => [name, shownHeader(header, schemas)]),
      ),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT or API key',
          description: 'A token of `POST /api/v1/auth/token`, of your own issuer, or an API key.',
        },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
  }
}

const DESCRIPTION = `Every route of every surface, generated from the schemas that validate.

* \`HEAD\` is answered wherever \`GET\` is, \`OPTIONS\` everywhere; any other method of a known path is refused with 405 and \`Allow\`.
* What is no HTTP that we understand is refused with 400, headers beyond 16 KiB with 431, a request that does not arrive within 30 seconds with 408.
* Each surface says no in its own format; the id of the request is in \`X-Request-Id\` in any case.`

interface Making {
  readonly auth: AuthMode
  readonly schemas: NamedSchemas
}

function shownOperation(route: DocumentedRoute, operation: Operation, { auth, schemas }: Making) {
  const access: Access = route in ROUTES ? ROUTES[route as keyof typeof ROUTES] : 'plain'
  const { summary, description, tag, path, query, headers, body } = operation
  const dialect = dialectOf(templateOf(route))
  const parameters = [
    ...shownParameters('path', path, schemas),
    ...shownParameters('query', query, schemas),
    ...shownParameters('header', { ...headers, ...keyHeader(access) }, schemas),
  ]
  const scopes = access === 'plain' ? [] : access.scopes
  return {
    operationId: operationIdOf(route),
    summary,
    ...(description !== undefined && { description }),
    tags: [tag],
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { required: body.required !== false, content: shownContent(body, schemas) },
    }),
    responses: shownAnswers(operation, { access, auth, dialect }, schemas),
    ...(access !== 'plain' && 'deprecated' in access && { deprecated: true }),
    security: securityOf(access, auth),
    ...(scopes.length > 0 && { 'x-scopes': scopes }),
  }
}

/** One of them is enough. */
function securityOf(access: Access, auth: AuthMode): readonly object[] {
  if (access === 'plain' || access.scopes.length === 0) return []
  const known = [{ bearer: [] }, { apiKey: [] }]
  return auth === 'open' && access.closed !== true ? [{}, ...known] : known
}

function keyHeader(access: Access): Readonly<Record<string, Parameter>> {
  if (access === 'plain' || access.creates === undefined) return {}
  return { 'Idempotency-Key': IDEMPOTENCY_KEY }
}

/** `GET /jobs/:id/logs`: `getJobsIdLogs`. A path that ends in a slash is one of its own. */
function operationIdOf(route: DocumentedRoute): string {
  const [first = '', ...others] = route
    .toLowerCase()
    .replace(/\/$/, '/slash')
    .split(/[^a-z0-9]+/)
    .filter(Boolean)
  return [first, ...others.map((word) => word[0]?.toUpperCase() + word.slice(1))].join('')
}

const templateOf = (route: DocumentedRoute) => route.slice(route.indexOf(' ') + 1)

const IDEMPOTENCY_KEY: Parameter = {
  schema: Type.String({ minLength: 1, maxLength: 512 }),
  description:
    'What is asked with the same key again is done once and answered as it was the first time. ' +
    '1 to 255 visible ASCII characters, bare or as a quoted string.',
}

function shownParameters(
  place: 'path' | 'query' | 'header',
  parameters: Readonly<Record<string, Parameter>> = {},
  schemas: NamedSchemas,
) {
  return Object.entries(parameters).map(([name, { description, required, schema }]) => ({
    name,
    in: place,
    ...(description !== undefined && { description }),
    ...((required === true || place === 'path') && { required: true }),
    schema: schemas.refer(schema),
  }))
}
