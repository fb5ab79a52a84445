// The loop that answers calls.
// Part of the runner: `launch.ts` puts the parts together, in order, into one text.
'use strict'

let handler
let failure
/** The call that waits for a promise, if any; its answer restarts the loop. */
let pending = 0
let pendingSince = 0
let warming

function settle(call, began, type, make) {
  if (pending !== call) return
  pending = 0
  const took = now() - began
  let frame
  try {
    frame = answer(type, call, took, make())
  } catch (error) {
    frame = answer(ERROR, call, took, stringify(describe(error, 'error')))
  }
  if (warming !== undefined) return warming()
  send(frame)
  serve()
}

const fail = (call, began, error, kind = 'error') =>
  settle(call, began, ERROR, () => stringify(describe(error, kind)))

function run(call, event, context) {
  // What is measured is the user's code, not the runner around it.
  usageBefore = apply(resourceUsage, process, [])
  const began = now()
  pending = call
  pendingSince = began
  let result
  try {
    result = handler(event, context)
    if (result === null || typeof result !== 'object' || typeof result.then !== 'function') {
      const took = now() - began
      const text = encode(result)
      pending = 0
      return answer(RESULT, call, took, text)
    }
  } catch (error) {
    const took = now() - began
    pending = 0
    return answer(ERROR, call, took, stringify(describe(error, 'error')))
  }
  apply(then, toPromise(result), [
    (value) => settle(call, began, RESULT, () => encode(value)),
    (error) => fail(call, began, error),
  ])
  return undefined
}

/** Answers calls until one of them has to wait for a promise. */
function serve() {
  for (;;) {
    const head = take(9)
    const length = input.readUInt32LE(head)
    const type = input[head + 4]
    const call = input.readUInt32LE(head + 5)
    const at = take(length)
    if (type === CALL) {
      if (failure !== undefined) {
        send(answer(ERROR, call, 0, stringify(describe(failure, 'error'))))
        continue
      }
      const split = at + 4 + input.readUInt32LE(at)
      const contextText = input.utf8Slice(at + 4, split)
      const eventText = input.utf8Slice(split, at + length)
      if (handler === undefined) {
        // The module is still being evaluated; the call waits for it.
        pending = call
        pendingSince = now()
        return
      }
      const frame = run(call, parse(eventText), parse(contextText))
      if (frame === undefined) return
      send(frame)
    } else if (type === LOAD) {
      const program = parse(input.utf8Slice(at, at + length))
      Object.assign(process.env, program.env)
      try {
        const loaded = load(program.code)
        if (typeof loaded === 'function') handler = loaded
        else return void finishLoading(loaded, call)
      } catch (error) {
        failure = error
      }
    } else if (type === CHECK) {
      const text = stringify(check(input.utf8Slice(at, at + length)))
      const frame = Buffer.allocUnsafe(9 + Buffer.byteLength(text))
      frame.writeUInt32LE(frame.length - 9, 0)
      frame[4] = CHECKED
      frame.writeUInt32LE(call, 5)
      frame.write(text, 9)
      send(frame)
    }
  }
}

function finishLoading(loading, call) {
  // A module that never finishes must answer the call that came with it; LOAD carries its id.
  pending = call
  pendingSince = now()
  apply(then, loading, [
    (loaded) => {
      pending = 0
      handler = loaded
      serve()
    },
    (error) => {
      pending = 0
      failure = error
      serve()
    },
  ])
}

const asynchronous = (error) => {
  if (pending !== 0) fail(pending, pendingSince, error, 'async')
}
process.on('uncaughtException', asynchronous)
process.on('unhandledRejection', asynchronous)
process.on('beforeExit', () => {
  if (pending === 0) return
  const waits = 'The function waits for a promise that nothing can settle any more.'
  fail(pending, pendingSince, new Error(waits), 'async')
})

/** Runs the runner's own paths before READY. */
function warmUp(done) {
  const sample = 'function handler(event, context) { return { event, n: [1, 2.5, null, "x"] } }'
  for (let i = 0; i < 5; i += 1) {
    handler = load(sample)
    for (let j = 0; j < 20; j += 1) run(1, parse('{"a":[1,"b",{"c":null}]}'), parse('{"job_id":1}'))
  }
  warming = done
  handler = load('async function handler(event) { return event }')
  run(1, parse('{"a":1}'), undefined)
}

warmUp(() => {
  warming = undefined
  handler = undefined
  pending = 0
  const ready = Buffer.alloc(9)
  ready[4] = READY
  send(ready)
  serve()
})
