/** The functions that the load calls: quick and slow, sync and async, failing, in both runtimes. */
import type { Runtime } from '#events/functions.ts'

export interface Source {
  readonly name: string
  readonly runtime: Runtime
  readonly execution_type: 'sync' | 'async'
  readonly code: string
  readonly timeout_ms: number
}

/** Short, so that the sweeper's patience with a run that nobody ends stays within the test's. */
export const TIMEOUT_MS = 5_000

const python = (sleepS: number) => `import time
def handler(event, context):
    print('attempt', context['attempt'])
    time.sleep(${sleepS})
    return {'n': event['n'], 'attempt': context['attempt']}
`

const nodejs = (sleepMs: number) => `async function handler(event, context) {
  console.log('attempt', context.attempt)
  ${sleepMs > 0 ? `await new Promise((resolve) => setTimeout(resolve, ${sleepMs}))` : ''}
  return { n: event.n, attempt: context.attempt }
}
`

const failing = `def handler(event, context):
    raise ValueError(str(event['n']) + ' in attempt ' + str(context['attempt']))
`

export const SOURCES: readonly Source[] = [
  source('python-sync', 'python', 'sync', python(0)),
  source('python-sync-slow', 'python', 'sync', python(0.04)),
  source('nodejs-sync', 'nodejs', 'sync', nodejs(0)),
  source('nodejs-sync-slow', 'nodejs', 'sync', nodejs(40)),
  source('python-async', 'python', 'async', python(0.02)),
  source('nodejs-async', 'nodejs', 'async', nodejs(20)),
  source('python-failing', 'python', 'sync', failing),
]

/** Long enough to be caught in the act by several kills; called seldom, or its queue never ends. */
export const LONG = source('nodejs-long', 'nodejs', 'async', nodejs(2_500))

/** A function that the load registers, changes and deletes on its way. */
export function passing(name: string, n: number): Source {
  return n % 2 === 0
    ? source(name, 'python', 'sync', python(0))
    : source(name, 'nodejs', 'sync', nodejs(0))
}

function source(
  name: string,
  runtime: Runtime,
  execution_type: 'sync' | 'async',
  code: string,
): Source {
  return { name, runtime, execution_type, code, timeout_ms: TIMEOUT_MS }
}
