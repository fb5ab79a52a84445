/**
 * What the README's commands need of curl, for a machine without it: `-s`, `-N`, `-H`, `-d` (also
 * `@file`), one URL.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    silent: { type: 'boolean', short: 's' },
    'no-buffer': { type: 'boolean', short: 'N' },
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
// Whoever has read enough goes away.
process.stdout.on('error', () => process.exit(0))
const body: AsyncIterable<Uint8Array> | undefined = response.body ?? undefined
if (body !== undefined) for await (const piece of body) process.stdout.write(piece)
