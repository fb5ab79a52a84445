/**
 * What the lambda API answers. Source: section 2 of its document; our extra fields come after the
 * document's. Times are whole seconds, as the document writes them.
 */
import Type, { type Static } from 'typebox'
import { Runtime } from '#events/functions.ts'
import type { DeepReadonly } from '#events/message.ts'
import { ContextInput } from '#events/sessions.ts'
import { FunctionView } from '../functions/schemas.ts'
import { Count, Id, List, Nullable, Time } from '../../http/shapes.ts'

export const PER_PAGE_DEFAULT = 20
export const PER_PAGE_MAX = 100
export const PAGE_MAX = 1_000_000

export const InitializeBody = Type.Object({ context: Type.Optional(ContextInput) })
export type InitializeBody = DeepReadonly<Static<typeof InitializeBody>>

export const ExecuteBody = Type.Object({
  params: Type.Unknown({
    description: 'The event; the schema of the script says what may be in it.',
  }),
})

const SessionId = Type.String({
  format: 'uuid',
  description: 'The session; every further request names it.',
})
const LanguageTitle = Type.String({ description: 'The language, a hyphen, the title.' })

export const Initialized = Type.Object(
  {
    request_id: SessionId,
    status: Type.Literal('initialized'),
    expires_at: Time('Two hours later, whatever is done with it.'),
    language_title: LanguageTitle,
  },
  { title: 'InitializedSession' },
)
export type Initialized = DeepReadonly<Static<typeof Initialized>>

export const Executed = Type.Object(
  {
    request_id: SessionId,
    language_title: LanguageTitle,
    execution_time: Count('Milliseconds that the run took; of the earlier one if it is cached.'),
    cached: Type.Boolean({ description: 'It is the result of an earlier execution.' }),
    result: Type.Unknown({ description: 'What the script returned.' }),
    job_id: Id('The job of this execution.'),
  },
  { title: 'Execution' },
)
export type Executed = DeepReadonly<Static<typeof Executed>>

export const SessionView = Type.Object(
  {
    request_id: SessionId,
    language_title: LanguageTitle,
    status: Type.Enum(['initialized', 'active'], { description: 'Active once it was executed.' }),
    created_at: Time(),
    expires_at: Time(),
    execution_count: Count('Executions that have ended.'),
    last_executed_at: Nullable(Time()),
    function_id: Id('The function.'),
    function_version: Id('The version that it stays with.'),
    retain_session: Type.Boolean({ description: 'One process serves it, and nobody else.' }),
  },
  { title: 'Session' },
)
export type SessionView = DeepReadonly<Static<typeof SessionView>>

const script = {
  language: Runtime,
  title: FunctionView.properties.name,
  language_title: LanguageTitle,
  description: Type.String({ description: 'Empty if the function has none.' }),
  created_at: Time(),
  updated_at: Time(),
  function_id: Id('The function that it is.'),
  version: Id('Its newest version.'),
}

export const ScriptView = Type.Object(script, { title: 'Script' })
export type ScriptView = DeepReadonly<Static<typeof ScriptView>>

export const ScriptPage = Type.Object(
  {
    total: Count('On all pages.'),
    page: Id('From 1.'),
    per_page: Id('As asked for.'),
    functions: List(ScriptView, 'Oldest first.'),
  },
  { title: 'ScriptPage' },
)
export type ScriptPage = DeepReadonly<Static<typeof ScriptPage>>

const Schema = Type.Unknown({ description: 'A JSON Schema; one that allows everything is empty.' })

export const ScriptDetails = Type.Object(
  {
    ...script,
    schema: Type.Object({ params: Schema, result: Schema }),
    examples: List(Type.Unknown(), 'As the function was registered with them.'),
  },
  { title: 'ScriptDetails' },
)
export type ScriptDetails = DeepReadonly<Static<typeof ScriptDetails>>
