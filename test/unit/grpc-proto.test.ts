/** The proto file has what HTTP takes and answers: nobody adds a field to HTTP alone. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { MessageTypeDefinition } from '@grpc/proto-loader'
import { CorpusSearch, Optimization } from '#events/analyses.ts'
import { Elsewhere, Metrics } from '#events/chunks.ts'
import { DocumentReport, ReportedSuggestion } from '#events/document-report.ts'
import { packages } from '../../apps/edge/surfaces/grpc/proto.ts'
import {
  BatchInput,
  ChunkInput,
  DocumentInput,
  LoneChunkInput,
  OptionsInput,
} from '../../apps/edge/chunks/valid.ts'

const { weights, thresholds, target_tokens } = OptionsInput.properties
const messages = {
  Chunk: ChunkInput,
  LoneChunk: LoneChunkInput,
  Document: DocumentInput,
  Batch: BatchInput,
  AnalysisOptions: OptionsInput,
  Weights: weights,
  Thresholds: thresholds,
  TargetTokens: target_tokens,
  CorpusSearch,
  Elsewhere,
  Metrics,
  Optimization,
  Report: DocumentReport,
  ReportedSuggestion,
}

for (const [name, { properties }] of Object.entries(messages)) {
  test(`${name} has the fields that it has over HTTP, and no other`, () => {
    const { type } = packages[`sluice.chunks.v1.${name}`] as MessageTypeDefinition<object, object>
    const fields = (type as { field: readonly { name: string }[] }).field.map((one) => one.name)
    assert.deepEqual(fields.sort(), Object.keys(properties).sort())
  })
}
