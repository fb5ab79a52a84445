/** What is there before the first generated request, so that some of them find something. */
import type { Known } from './known.ts'

const FUNCTIONS = [
  { name: 'fuzz-echo', runtime: 'python', code: 'def handler(event): return event' },
  { name: 'fuzz-node', runtime: 'nodejs', code: 'function handler(event) { return event }' },
  { name: 'fuzz-error', runtime: 'python', code: 'def handler(event): return 1 / 0' },
]
const BAD_CHUNK = 'This is a sample chunk content...'

export async function begin(url: string, apiKey: string, known: Known): Promise<void> {
  const post = async (path: string, json: object, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      body: JSON.stringify(json),
      headers: { 'content-type': 'application/json', 'x-api-key': apiKey, ...headers },
    })
    const answer: unknown = await response.json()
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`)
    known.learn(answer)
  }
  for (const spec of FUNCTIONS) await post('/functions', { ...spec, execution_type: 'sync' })
  for (const id of [1, 2]) await post(`/functions/${id}/invoke`, { n: 1 })
  await post('/functions/1/invoke', {}, { prefer: 'respond-async' })
  for (const title of ['python-fuzz-echo', 'nodejs-fuzz-node']) {
    await post('/api/v1/initialize', {}, { 'language-title': title })
  }
  const chunks = ['c-1', 'c-2'].map((chunk_id) => ({ chunk_id, content: BAD_CHUNK }))
  await post('/api/v1/documents/analyze', { document_id: 'doc-1', chunks })
}
