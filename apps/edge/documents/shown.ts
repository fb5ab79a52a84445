/** Answers, refusals and contents, as OpenAPI writes them. */
import { commonHeaders, commonRefusals, HEADERS, type Manners } from './manners.ts'
import type { NamedSchemas } from './named-schemas.ts'
import type { Content, Operation, Parameter, Told } from './operation.ts'

const JSON_TYPE = 'application/json'

export function shownAnswers(
  operation: Operation,
  manners: Manners,
  schemas: NamedSchemas,
): Readonly<Record<string, unknown>> {
  const { answers, refuses = {} } = operation
  const { refusal } = manners.dialect
  const shown = (status: number, { description, content, headers = {} }: Told) => ({
    description,
    headers: {
      ...Object.fromEntries(
        commonHeaders(status, manners).map((name) => [
          HEADERS[name][0],
          { $ref: `#/components/headers/${name}` },
        ]),
      ),
      ...Object.fromEntries(
        Object.entries(headers).map(([name, header]) => [name, shownHeader(header, schemas)]),
      ),
    },
    ...(content !== undefined && { content: shownContent(content, schemas) }),
  })
  const told = Object.entries(answers).map(([status, it]) => [status, shown(Number(status), it)])
  const refused = reasons([
    ...Object.entries(refuses).map(([status, when]) => [Number(status), when] as const),
    ...commonRefusals(operation, manners),
  ])
    .filter(([status]) => !(status in answers))
    .map(([status, description]) => [status, shown(status, { description, content: refusal })])
  return Object.fromEntries([...told, ...refused]) as Readonly<Record<string, unknown>>
}

/** All that is said of one status, as one. */
function reasons(
  refusals: readonly (readonly [number, string])[],
): readonly (readonly [number, string])[] {
  const all = Map.groupBy(refusals, ([status]) => status)
  return [...all].map(([status, said]) => {
    return [status, [...new Set(said.map(([, when]) => when))].join(' ')]
  })
}

export function shownContent(content: Content | readonly Content[], schemas: NamedSchemas) {
  const all = [content].flat() as readonly Content[]
  return Object.fromEntries(
    all.map(({ schema, examples, contentType = JSON_TYPE }) => {
      const named = Object.entries(examples ?? {}).map(([name, value]) => [name, { value }])
      return [
        contentType,
        {
          schema: schemas.refer(schema),
          ...(named.length > 0 && { examples: Object.fromEntries(named) as object }),
        },
      ]
    }),
  )
}

export function shownHeader({ description, required, schema }: Parameter, schemas: NamedSchemas) {
  return {
    ...(description !== undefined && { description }),
    ...(required === true && { required }),
    schema: schemas.refer(schema),
  }
}
