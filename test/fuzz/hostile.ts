/** Values and bodies that somebody would send who means harm, or whose program is broken. */
import { brotliCompressSync, gzipSync } from 'node:zlib'

const MIB = 1024 ** 2
const DEEP = 600

export const HOSTILE_TEXTS: readonly string[] = [
  ...['', ' ', '\t\n', '0', '-1', 'null', 'undefined', 'NaN', 'true', '1e999', '9007199254740993'],
  ...[
    '\0',
    'a\0b',
    '\ud800',
    'x\udfff',
    '\u202e',
    '\ufeff',
    '\u{1f4a9}'.repeat(200),
    'ﬀ',
    'İ',
    'ß',
  ],
  ...[
    '../../etc/passwd',
    '..%2f..%2f',
    '%00',
    '%',
    '%zz',
    '/',
    '//',
    '\\',
    '.',
    '..',
    '*',
    '>',
    'a.b',
  ],
  ...["'; drop table jobs; --", '" or 1=1', '$1', '${7*7}', '{{7*7}}', '<script>alert(1)</script>'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'cmd.>', 'evt.*.*', '$JS.API.>'],
  ...['2026-13-45T99:99:99Z', '0000-00-00', '275760-09-13T00:00:00.001Z', '1970-01-01', '-1e5'],
  ...['* * * * * *', '@every 1s', '(a+)+$', '^'.repeat(300), 'x'.repeat(300), 'y'.repeat(70_000)],
  ...['漢字かな交じり文。', '한국어 문장입니다.', 'ภาษาไทย', 'العربية', '\r\nSet-Cookie: a=b'],
]

export const HOSTILE_VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 0.5, 1, 100, 101, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, 1e-308],
  ...[[], {}, [null], [[]], { a: 1 }, { '': '' }, Array(300).fill(0), nested(DEEP)],
  JSON.parse('{"__proto__":{"admin":true}}'),
  JSON.parse('{"constructor":{"prototype":{"admin":true}}}'),
  Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`k${index}`, index])),
  ...HOSTILE_TEXTS,
]

export interface RawBody {
  readonly bytes: Buffer
  readonly headers: Readonly<Record<string, string>>
}

const JSON_TYPE = { 'content-type': 'application/json' }
const text = (body: string, headers: RawBody['headers'] = JSON_TYPE): RawBody => ({
  bytes: Buffer.from(body),
  headers,
})

/** Whole bodies that no schema describes. */
export const HOSTILE_BODIES: readonly RawBody[] = [
  ...['', ' ', '{', '{"a":', '[1,', '"', 'null', 'true', '0', '[]', '{}', '""', '\ufeff{}'].map(
    (body) => text(body),
  ),
  ...['{"a":1e999}', '{"a":1,"a":2}', '{"a":NaN}', "{'a':1}", '{"a":1,}', '/**/{}'].map((body) =>
    text(body),
  ),
  text('['.repeat(100_000)),
  text(`${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`),
  text(JSON.stringify({ content: 'x'.repeat(1.1 * MIB) })),
  { bytes: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), headers: JSON_TYPE },
  text('{}', { 'content-type': 'text/plain' }),
  text('a=1', { 'content-type': 'application/x-www-form-urlencoded' }),
  text('{}', { 'content-type': 'application/json; charset=utf-16' }),
  text('{}', { 'content-type': 'application/vnd.sluice+json' }),
  text('{}', {}),
  text('{}', { ...JSON_TYPE, 'content-encoding': 'gzip' }),
  { bytes: gzipSync('{}'), headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } },
  { bytes: gzipSync(Buffer.alloc(4 * MIB)), headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } },
  {
    bytes: gzipSync('{"a":1}').subarray(0, 12),
    headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
  },
  { bytes: brotliCompressSync('{}'), headers: { ...JSON_TYPE, 'content-encoding': 'br' } },
]

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = [value]
  return value
}
