/**
 * What the README's commands need of curl, for a machine without it: `-s`, `-H`, `-d` (also `@file`),
 * one URL.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    silent: { type: 'boolean', short: 's' },
    header: { type: 'string', short: 'H', multiple: true },
    data: { type: 'string', short: 'd' },
  },
})
const headers = (values.header ?? []).map((line): [string, string] => {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
})
const given = values.data
const data = given?.startsWith('@') === true ? readFileSync(given.slice(1), 'utf8') : given
const response = await fetch(positionals[0] ?? '', {
  headers,
  ...(data !== undefined && { method: 'POST', body: data }),
})
process.stdout.write(await response.text())
