/** One request and its JSON answer, whatever the status. */

export interface JsonAnswer<T> {
  readonly status: number
  readonly headers: Headers
  readonly body: T
}

export interface JsonRequest {
  readonly method?: string
  /** Sent as JSON. */
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** An empty body is `undefined`; one that is not JSON throws with what it was. */
export async function fetchJson<T = unknown>(
  url: string | URL,
  { method, json, headers, signal }: JsonRequest = {},
): Promise<JsonAnswer<T>> {
  const hasBody = json !== undefined
  const response = await fetch(url, {
    method: method ?? (hasBody ? 'POST' : 'GET'),
    headers: { ...(hasBody ? { 'content-type': 'application/json' } : {}), ...headers },
    ...(hasBody ? { body: JSON.stringify(json) } : {}),
    ...(signal ? { signal } : {}),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: parse(text, url) as T }
}

function parse(text: string, url: string | URL): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`${String(url)} did not answer JSON: ${text.slice(0, 500)}`, { cause })
  }
}
