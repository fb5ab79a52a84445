import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Thread } from '#runtime/thread.ts'
import type { Wanted } from './thread-program.ts'

const PROGRAM = new URL('./thread-program.ts', import.meta.url)
const newThread = () => new Thread<Wanted, string>(PROGRAM, 32)

describe('a thread', () => {
  it('refuses what takes more than there is, and does what waits behind it', async () => {
    await using thread = newThread()
    for (const much of ['memory', 'stack'] as const) {
      const [refused, behind] = await Promise.allSettled([thread.do(much), thread.do('its own')])
      assert.equal(refused.status, 'rejected')
      assert.equal((refused.reason as { code?: string }).code, 'PAYLOAD_TOO_LARGE', much)
      assert.deepEqual(behind, { status: 'fulfilled', value: 'its own' }, much)
    }
  })

  it('that breaks or ends fails what it had in hand, and nothing else', async () => {
    await using thread = newThread()
    for (const end of ['a fault', 'an end'] as const) {
      const failed = assert.rejects(thread.do(end), /a fault|the thread has ended/)
      assert.equal(await thread.do('its own'), 'its own')
      await failed
    }
  })

  it('fails what it was asked when it is stopped', async () => {
    const thread = newThread()
    const failed = assert.rejects(thread.do('its own'), /was stopped/)
    await thread[Symbol.asyncDispose]()
    await failed
  })
})
