// What a function returned or threw, as the host gets it.
// Part of the runner: `launch.ts` puts the parts together, in order, into one text.
'use strict'

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
