/**
 * What a whole document is like, as its analysis tells it: figures, and of what there may be
 * thousands only the first, since the event beside it has all.
 */
import Type, { type Static } from 'typebox'
import { Cluster, Finding, OptimizationType, Priority, score } from './chunks.ts'
import { count, nullable, type DeepReadonly } from './message.ts'

export const ReportedCluster = Type.Object(
  {
    ...Cluster.properties,
    duplicates_total: count('With those that are not told by name.'),
  },
  { title: 'ReportedCluster' },
)
export type ReportedCluster = DeepReadonly<Static<typeof ReportedCluster>>

const { chunk_id, type, priority, title, suggested_action } = Finding.properties

export const ReportedSuggestion = Type.Object(
  {
    id: Type.String({
      format: 'uuid',
      description: 'Of the suggestion, which has its whole plan.',
    }),
    ...{ chunk_id, type, priority, title, suggested_action },
    outline: Type.Optional(
      Type.String({ description: 'The plan in one line, of many places the first.' }),
    ),
  },
  { title: 'ReportedSuggestion' },
)
export type ReportedSuggestion = DeepReadonly<Static<typeof ReportedSuggestion>>

const tally = <const Name extends string>(names: readonly Name[], description: string) =>
  Type.Unsafe<Partial<Record<Name, number>>>(
    Type.Object(Object.fromEntries(names.map((name) => [name, Type.Optional(count())])), {
      description,
    }),
  )

export const DocumentReport = Type.Object(
  {
    chunks: count(),
    tokens: count(),
    tokens_saved: count("What the duplicates take up that a cluster's keeper makes superfluous."),
    duplicate_ratio: score(),
    mean_overall_score: score(),
    by_type: tally(OptimizationType.enum, 'Suggestions by type.'),
    by_priority: tally(Priority.enum, 'Suggestions by priority.'),
    sizes: Type.Array(Type.Object({ up_to: nullable(count()), chunks: count() }), {
      description: 'How many chunks have up to so many tokens, and more than the class before.',
    }),
    worst: Type.Array(Type.Object({ chunk_id: Type.String(), overall_score: score() })),
    // What was reported before they were told has neither.
    suggestions: Type.Optional(
      Type.Array(ReportedSuggestion, {
        description:
          'The most urgent first, and of two that are as urgent that of the chunk with the worse score.',
      }),
    ),
    suggestions_total: Type.Optional(count('With those that are not told.')),
    clusters: Type.Array(ReportedCluster, { description: 'The largest first.' }),
    clusters_total: count(),
    truncated: Type.Boolean(),
  },
  { title: 'DocumentReport' },
)
export type DocumentReport = DeepReadonly<Static<typeof DocumentReport>>
