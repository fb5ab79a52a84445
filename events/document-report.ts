/**
 * What a whole document is like, as its analysis tells it: figures, and of what there may be
 * thousands only the first, since the event beside it has all.
 */
import Type, { type Static } from 'typebox'
import { Cluster, OptimizationType, Priority } from './chunks.ts'
import { nullable, type DeepReadonly } from './message.ts'

export const ReportedCluster = Type.Object({
  ...Cluster.properties,
  duplicates_total: Type.Integer({ description: 'With those that are not told by name.' }),
})
export type ReportedCluster = DeepReadonly<Static<typeof ReportedCluster>>

const tally = <const Name extends string>(names: readonly Name[], description: string) =>
  Type.Unsafe<Partial<Record<Name, number>>>(
    Type.Object(Object.fromEntries(names.map((name) => [name, Type.Optional(Type.Integer())])), {
      description,
    }),
  )

export const DocumentReport = Type.Object({
  chunks: Type.Integer(),
  tokens: Type.Integer(),
  tokens_saved: Type.Integer({
    description: "What the duplicates take up that a cluster's keeper makes superfluous.",
  }),
  duplicate_ratio: Type.Number(),
  mean_overall_score: Type.Number(),
  by_type: tally(OptimizationType.enum, 'Suggestions by type.'),
  by_priority: tally(Priority.enum, 'Suggestions by priority.'),
  sizes: Type.Array(Type.Object({ up_to: nullable(Type.Integer()), chunks: Type.Integer() }), {
    description: 'How many chunks have up to so many tokens, and more than the class before.',
  }),
  worst: Type.Array(Type.Object({ chunk_id: Type.String(), overall_score: Type.Number() })),
  clusters: Type.Array(ReportedCluster, { description: 'The largest first.' }),
  clusters_total: Type.Integer(),
  truncated: Type.Boolean(),
})
export type DocumentReport = DeepReadonly<Static<typeof DocumentReport>>
