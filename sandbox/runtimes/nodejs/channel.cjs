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
/**
 * Reading the CPU clock costs some microseconds. A run as short as this was busy all the time and
 * has touched next to no memory: it is not read again at its end.
 */
const SHORT_MS = 0.1

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

let usageBefore

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

const cpuOf = ({ userCPUTime, systemCPUTime }) => userCPUTime + systemCPUTime

function answer(type, call, durationMs, text) {
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(33 + length)
  const isShort = durationMs < SHORT_MS && usageBefore !== undefined
  const usage = isShort ? usageBefore : apply(resourceUsage, process, [])
  const cpu = isShort ? durationMs * 1000 : cpuOf(usage) - cpuOf(usageBefore ?? usage)
  frame.writeUInt32LE(24 + length, 0)
  frame[4] = type
  frame.writeUInt32LE(call, 5)
  frame.writeDoubleLE(durationMs * 1000, 9)
  frame.writeDoubleLE(cpu, 17)
  frame.writeDoubleLE(usage.maxRSS * 1024, 25)
  frame.write(text, 33)
  return frame
}
