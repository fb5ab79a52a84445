/**
 * Loaded into every test process (`test/run.ts`): whatever `fetch` gets from an edge has to be what
 * the document of the API says, or the call throws.
 *
 * Invariants:
 * 1. Only an edge is judged: its answers carry an X-Request-Id, those of its plain routes `Vary`.
 * 2. A stream is left alone, and so is a body that breaks off: its reader hears of it.
 */
const READ_BYTES_MAX = 16 * 1024 ** 2
const PLAIN = /^\/(?:health|ready|metrics\/?)$/

/** For a test that answers by itself, in the name of an edge. */
export const unwatched = globalThis.fetch

globalThis.fetch = async (...asked) => {
  const response = await unwatched(...asked)
  const { headers, status } = response
  const [resource, init] = asked
  const request = resource instanceof Request ? resource : undefined
  const { pathname: path } = new URL(resource instanceof Request ? resource.url : resource)
  const isEdge = headers.has('x-request-id') || (PLAIN.test(path) && headers.has('vary'))
  if (!isEdge) return response
  const method = (init?.method ?? request?.method ?? 'GET').toUpperCase()
  const { violationOf } = await import('./api-document.ts')
  const body = await bodyOf(response)
  const violation = violationOf({ method, path, status, headers, body })
  if (violation === undefined) return response
  // A stream that nobody reads would keep the test waiting.
  await response.body?.cancel()
  throw new Error(violation)
}

/** Undefined: it is not to be read here. */
async function bodyOf(response: Response): Promise<string | undefined> {
  const { headers } = response
  const bytes = headers.get('content-length')
  if (bytes === null ? response.body !== null : Number(bytes) > READ_BYTES_MAX) return undefined
  try {
    return await response.clone().text()
  } catch {
    // It broke off: whoever asked reads as far as this, and is told.
    return undefined
  }
}
