import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLog, type Log, type LogOptions } from '#runtime/log.ts'

function listen(options: Partial<LogOptions> = {}): { log: Log; lines: string[] } {
  const lines: string[] = []
  const write = (line: string) => void lines.push(line)
  return { log: createLog({ process: 'edge', level: 'info', write, ...options }), lines }
}

const parse = (line: string | undefined) => JSON.parse(line ?? '') as Record<string, unknown>

describe('the log', () => {
  it('writes one JSON object a line, whatever the values contain', () => {
    const { log, lines } = listen()
    log.info('started', { text: 'two\nlines', big: 12n })
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /^[^\n]+\n$/)
    const { timestamp, ...rest } = parse(lines[0])
    assert.equal(new Date(String(timestamp)).toISOString(), timestamp)
    assert.deepEqual(rest, {
      level: 'INFO',
      process: 'edge',
      event: 'started',
      message: 'started',
      text: 'two\nlines',
      big: '12',
    })
  })

  it('is silent below its level', () => {
    const { log, lines } = listen({ level: 'warning' })
    log.debug('a')
    log.info('b')
    log.warn('c')
    log.error('d')
    log.critical('e')
    assert.deepEqual(
      lines.map((line) => [parse(line)['event'], parse(line)['level']]),
      [
        ['c', 'WARNING'],
        ['d', 'ERROR'],
        ['e', 'CRITICAL'],
      ],
    )
  })

  it('announces whatever the level', () => {
    const { log, lines } = listen({ level: 'critical' })
    log.info('starting')
    log.announce('ready')
    assert.deepEqual(
      lines.map((line) => [parse(line)['event'], parse(line)['level']]),
      [['ready', 'INFO']],
    )
  })

  it('says in words what its event names, unless it is told a better sentence', () => {
    const { log, lines } = listen()
    log.info('part_ready')
    log.info('request_refused', { message: 'chunk_id is required' })
    assert.deepEqual(
      lines.map((line) => parse(line)['message']),
      ['part ready', 'chunk_id is required'],
    )
  })

  it('shows an error with its code and its cause', () => {
    const { log, lines } = listen()
    const cause = new TypeError('inner')
    const error = Object.assign(new Error('outer', { cause }), { code: 'BROKEN' })
    log.error('failed', { error })
    const shown = parse(lines[0])['error'] as Record<string, Record<string, unknown>>
    assert.equal(shown['message'], 'outer')
    assert.equal(shown['code'], 'BROKEN')
    assert.equal(shown['cause']?.['name'], 'TypeError')
  })

  it('carries the bound fields of a child and leaves its parent as it was', () => {
    const { log, lines } = listen()
    const child = log.child({ requestId: 'r1' }).child({ jobId: 42 })
    child.info('inside', { jobId: 43, ADMIN_PASSWORD: 'shown once' })
    log.info('outside')
    assert.equal(parse(lines[0])['request_id'], 'r1')
    assert.equal(parse(lines[0])['job_id'], 43)
    assert.equal(parse(lines[0])['ADMIN_PASSWORD'], 'shown once')
    assert.ok(!('request_id' in parse(lines[1])))
  })
})
