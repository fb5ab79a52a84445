/** The proto file has what the checks of a request know: nobody adds an option to HTTP alone. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { MessageTypeDefinition } from '@grpc/proto-loader'
import { packages } from '../../apps/edge/surfaces/grpc/proto.ts'
import {
  BatchInput,
  ChunkInput,
  DocumentInput,
  LoneChunkInput,
  OptionsInput,
} from '../../apps/edge/chunks/valid.ts'

const { weights, thresholds, target_tokens } = OptionsInput.properties
const inputs = {
  Chunk: ChunkInput,
  LoneChunk: LoneChunkInput,
  Document: DocumentInput,
  Batch: BatchInput,
  AnalysisOptions: OptionsInput,
  Weights: weights,
  Thresholds: thresholds,
  TargetTokens: target_tokens,
}

for (const [name, { properties }] of Object.entries(inputs)) {
  test(`${name} has the fields of the request over HTTP, and no other`, () => {
    const { type } = packages[`sluice.chunks.v1.${name}`] as MessageTypeDefinition<object, object>
    const fields = (type as { field: readonly { name: string }[] }).field.map((one) => one.name)
    assert.deepEqual(fields.sort(), Object.keys(properties).sort())
  })
}
