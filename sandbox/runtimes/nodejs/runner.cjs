// The nodejs side of the control channel: reads frames on fd 3, runs the user's handler, answers.
//
// Invariants:
// 1. It runs inside the sandbox and beside hostile code. Nothing here is a defence: the host checks
//    every frame, and whatever user code does to this module it does to its own process only.
// 2. It says READY before it has seen any user code; it has run its own paths before, so that the
//    first call finds them warm.
// 3. Between calls it blocks in a read, so no timer and no promise of the user's moves meanwhile.
// 4. It is fed through fd 0, which becomes /dev/null: no file in the sandbox holds it.
'use strict'

const fs = require('node:fs')
const vm = require('node:vm')
const { Writable } = require('node:stream')

fs.closeSync(0)
fs.openSync('/dev/null', 'r')
for (const name of Object.keys(process.env)) delete process.env[name]
process.argv.length = 1
process.execArgv.length = 0

const FILE = 'function.js'
const [LOAD, CALL, CHECK, READY, RESULT, ERROR, CHECKED] = [1, 2, 3, 17, 18, 19, 20]
const RESULT_BYTES = 1024 * 1024
const MAX_DEPTH = 512

// User code may replace any of these; the runner keeps its own references.
const { readSync, writeSync } = fs
const { parse, stringify } = JSON
const { resourceUsage } = process
const now = performance.now.bind(performance)
const { isArray } = Array
const { keys, getPrototypeOf } = Object
const { isFinite } = Number
const then = Promise.prototype.then
const { apply } = Reflect
const toPromise = Promise.resolve.bind(Promise)
const { prototype: objectPrototype } = Object
const refusedTypes = [Map, Set, WeakMap, WeakSet, Promise, RegExp, ArrayBuffer, Error]

class Refused extends Error {}

let cpuBefore = 0

/** Writes at once: a finished run's prints leave before its answer does. */
function outputStream(fd) {
  const stream = new Writable({
    decodeStrings: true,
    write(chunk, _encoding, done) {
      try {
        for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
        done()
      } catch (error) {
        done(error)
      }
    },
  })
  stream.fd = fd
  stream.on('error', () => {})
  return stream
}
for (const [name, fd] of [
  ['stdout', 1],
  ['stderr', 2],
]) {
  const stream = outputStream(fd)
  Object.defineProperty(process, name, { configurable: true, enumerable: true, value: stream })
}

let input = Buffer.allocUnsafe(65536)
let from = 0
let till = 0

/** Blocks until `count` bytes are there and returns where they begin. */
function take(count) {
  if (till - from < count) {
    if (count > input.length - from) {
      const larger = count > input.length ? Buffer.allocUnsafe(count) : input
      input.copy(larger, 0, from, till)
      input = larger
      till -= from
      from = 0
    }
    while (till - from < count) {
      const got = readSync(3, input, till, input.length - till, null)
      if (got === 0) process.reallyExit(0)
      till += got
    }
  }
  const at = from
  from += count
  if (from === till && input.length <= 65536) from = till = 0
  return at
}

function send(frame) {
  for (let at = 0; at < frame.length;) at += writeSync(3, frame, at)
}

function answer(type, call, durationMs, text) {
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(33 + length)
  const usage = apply(resourceUsage, process, [])
  const cpu = usage.userCPUTime + usage.systemCPUTime
  frame.writeUInt32LE(24 + length, 0)
  frame[4] = type
  frame.writeUInt32LE(call, 5)
  frame.writeDoubleLE(durationMs * 1000, 9)
  frame.writeDoubleLE(cpu - cpuBefore, 17)
  frame.writeDoubleLE(usage.maxRSS * 1024, 25)
  frame.write(text, 33)
  cpuBefore = cpu
  return frame
}

/** Throws where `value` stops being JSON; `JSON.stringify` would silently change it. */
function verify(value, path, above) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return
    case 'number':
      if (isFinite(value)) return
      throw new Refused(`The result is not JSON: ${path} is ${value}, which is not JSON.`)
    case 'object':
      break
    default:
      throw new Refused(`The result is not JSON: ${path} is of type ${typeof value}.`)
  }
  if (value === null) return
  if (above.length >= MAX_DEPTH || above.includes(value)) {
    const why = above.includes(value) ? 'contains itself' : 'is nested too deeply'
    throw new Refused(`The result is not JSON: ${path.slice(0, 200)} ${why}.`)
  }
  if (typeof value.toJSON === 'function') {
    const replaced = value.toJSON('')
    if (replaced !== value) return verify(replaced, path, above)
  }
  above.push(value)
  if (isArray(value)) {
    for (let i = 0; i < value.length; i += 1) verify(value[i], `${path}[${i}]`, above)
  } else {
    if (getPrototypeOf(value) !== objectPrototype) {
      for (const type of refusedTypes) {
        if (value instanceof type) {
          throw new Refused(`The result is not JSON: ${path} is of type ${type.name}.`)
        }
      }
    }
    for (const key of keys(value)) {
      const item = value[key]
      // A property that is undefined is left out, as everywhere in JavaScript.
      if (item !== undefined) verify(item, `${path}.${key}`, above)
    }
  }
  above.pop()
}

function encode(value) {
  if (value === undefined || value === null) return 'null'
  verify(value, 'result', [])
  const text = stringify(value)
  if (text.length * 3 > RESULT_BYTES) {
    const bytes = Buffer.byteLength(text)
    if (bytes > RESULT_BYTES) {
      throw new Refused(`The result has ${bytes} bytes; at most ${RESULT_BYTES} are allowed.`)
    }
  }
  return text
}

/** What the host shows of something thrown: the user's frames only. */
function describe(error, kind) {
  if (error instanceof Refused) return { kind: 'result', message: error.message }
  const out = { kind, message: '' }
  try {
    if (!(error instanceof Error)) {
      out.type = error === null ? 'null' : typeof error
      out.message = typeof error === 'object' ? (stringify(error) ?? String(error)) : String(error)
      return out
    }
    out.type = String(error.name)
    out.message = String(error.message)
    const memory =
      /^(Array buffer allocation failed|Invalid array buffer length|WebAssembly\.Memory\(\): could not allocate memory)/
    if (error instanceof RangeError && memory.test(out.message)) out.kind = 'memory'
    if (error.code === 'ERR_MEMORY_ALLOCATION_FAILED') out.kind = 'memory'
    const stack = String(error.stack)
    const frames = []
    for (const line of stack.split('\n')) {
      const place = /^ {4}at .*?function\.js:(\d+):(\d+)\)?$/.exec(line)
      if (place === null) continue
      if (frames.length === 0) {
        out.line = Number(place[1])
        out.column = Number(place[2])
      }
      frames.push(line)
    }
    if (error instanceof SyntaxError && frames.length === 0) Object.assign(out, syntaxPlace(stack))
    if (frames.length > 0) out.stack = `${out.type}: ${out.message}\n${frames.join('\n')}`
  } catch {
    out.message ||= 'something was thrown that cannot be described'
  }
  return out
}

/** Node writes the place of a syntax error above the message: file:line, the line, carets. */
function syntaxPlace(stack) {
  const lines = stack.split('\n')
  const place = /^function\.js:(\d+)$/.exec(lines[0])
  if (place === null) return {}
  const column = lines[2] === undefined ? -1 : lines[2].search(/\S/)
  return { line: Number(place[1]), column: column < 0 ? (lines[1]?.length ?? 0) + 1 : column + 1 }
}

const parameters = ['exports', 'require', 'module', '__filename', '__dirname']
const ending = '\n;return typeof handler === "undefined" ? undefined : handler'

function compileCommon(source, suffix = ending, lineOffset = 0) {
  return vm.compileFunction(source + suffix, parameters, {
    filename: FILE,
    lineOffset,
    importModuleDynamically: linkBuiltin,
  })
}

const moduleEnding = '\n;export { handler as "sluice handler" }'

function compileModule(source) {
  const options = { identifier: FILE, importModuleDynamically: linkBuiltin }
  try {
    return new vm.SourceTextModule(source + moduleEnding, options)
  } catch {
    return new vm.SourceTextModule(source, options)
  }
}

/** Compiles without running: a script first, as a module if only that parses. */
function compile(source) {
  try {
    return { common: compileCommon(source) }
  } catch {
    // The ending may be what does not parse; the source alone gives the better message.
  }
  try {
    return { common: compileCommon(source, '') }
  } catch (error) {
    try {
      return { module: compileModule(source) }
    } catch (moduleError) {
      const isModule = /import|export|await|module/.test(error.message)
      if (!isModule) throw error
      throw placeModuleError(source, moduleError)
    }
  }
}

/** V8 tells no place for an error in a module; the same text without its exports has one. */
function placeModuleError(source, moduleError) {
  const blank = (text) => text.replace(/[^\n]/g, ' ')
  const script = source
    .replace(/^[ \t]*import\b[^;'"]*?(?:from\s*)?(['"])[^'"\n]*\1/gm, blank)
    .replace(/^[ \t]*export(?:[ \t]+default\b(?![ \t]+(?:async|function|class)))?/gm, blank)
  try {
    compileCommon(`"use strict"\n${script}`, '', -1)
  } catch (error) {
    if (error.message === moduleError.message) return error
  }
  return moduleError
}

function requireBuiltin(name) {
  const found = process.getBuiltinModule(String(name))
  if (found !== undefined) return found
  const error = new Error(`Cannot find module '${name}': only Node's own modules are available`)
  error.code = 'MODULE_NOT_FOUND'
  throw error
}

async function linkBuiltin(name) {
  const found = requireBuiltin(name)
  const names = [...new Set(['default', ...keys(found)])]
  const linked = new vm.SyntheticModule(
    names,
    function () {
      for (const each of names) this.setExport(each, each === 'default' ? found : found[each])
    },
    { identifier: name },
  )
  await linked.link(() => {})
  await linked.evaluate()
  return linked
}

const noHandler =
  'The source defines no handler: write "function handler(event) {…}" or export one.'

function pick(...candidates) {
  for (const candidate of candidates) if (typeof candidate === 'function') return candidate
  throw new Refused(noHandler)
}

/** The handler, or a promise of it if the source is a module. */
function load(source) {
  const { common, module } = compile(source)
  if (common !== undefined) {
    const own = { exports: {} }
    const declared = apply(common, own.exports, [own.exports, requireBuiltin, own, FILE, '/'])
    const exported = own.exports
    return pick(exported?.handler, exported?.default, exported, declared)
  }
  return (async () => {
    await module.link(linkBuiltin)
    await module.evaluate()
    const { namespace } = module
    const handler = (name) => (name in namespace ? namespace[name] : undefined)
    const byDefault = handler('default')
    return pick(handler('handler'), byDefault?.handler, byDefault, handler('sluice handler'))
  })()
}

function check(source) {
  try {
    compile(source)
  } catch (error) {
    const { message, line, column } = describe(error, 'error')
    return { ok: false, message, line, column }
  }
  // Certain only if none of the words is there that could make a handler.
  if (!/handler|export|module|this|eval|Function|globalThis|\\u|constructor/.test(source)) {
    return { ok: false, message: 'The source defines no handler.' }
  }
  return { ok: true }
}

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
  const usage = process.resourceUsage()
  cpuBefore = usage.userCPUTime + usage.systemCPUTime
  const ready = Buffer.alloc(9)
  ready[4] = READY
  send(ready)
  serve()
})
