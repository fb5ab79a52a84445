/** The functions that the load calls: quick and slow, sync and async, failing, in every runtime. */
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

const rust = (sleepMs: number) => `fn handler(event: Json, context: Json) -> Result<Json, String> {
    println!("attempt {}", context["attempt"]);
    std::thread::sleep(std::time::Duration::from_millis(${sleepMs}));
    Ok(json!({ "n": event["n"], "attempt": context["attempt"] }))
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
  source('rust-sync', 'rust', 'sync', rust(0)),
  source('rust-async', 'rust', 'async', rust(20)),
  source('python-async', 'python', 'async', python(0.02)),
  source('nodejs-async', 'nodejs', 'async', nodejs(20)),
  source('python-failing', 'python', 'sync', failing),
]

/** Long enough to be caught in the act by several kills; called seldom, or its queue never ends. */
export const LONG = source('nodejs-long', 'nodejs', 'async', nodejs(2_500))

/** A function that the load registers, changes and deletes on its way. */
export function passing(name: string, n: number): Source {
  const quick = [
    source(name, 'python', 'sync', python(0)),
    source(name, 'nodejs', 'sync', nodejs(0)),
    // One program for all of them: what is compiled is kept.
    source(name, 'rust', 'sync', rust(0)),
  ] as const
  return quick[n % quick.length] ?? quick[0]
}

function source(
  name: string,
  runtime: Runtime,
  execution_type: 'sync' | 'async',
  code: string,
): Source {
  return { name, runtime, execution_type, code, timeout_ms: TIMEOUT_MS }
}
