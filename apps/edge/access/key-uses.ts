/**
 * Tells the log that a key is in use: at most once a minute for each key, over all edges, behind the
 * back of the request. A use that cannot be told is said here and forgotten.
 */
import { randomUUID } from 'node:crypto'
import { envelope } from '#events/envelope.ts'
import type { Appender } from '#events/jetstream/append.ts'
import { apiKeyMessageId, USE_EVERY_MS, type ApiKeyUsed } from '#events/api-keys.ts'
import { subjects } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import type { LogRoom } from '../log-room.ts'

export interface KeyUsesOptions {
  readonly appender: Appender
  readonly room: LogRoom
  readonly ttlDays: number
  readonly log: Log
}

export class KeyUses {
  readonly #options: KeyUsesOptions
  /** By key, when its last use was told here. */
  readonly #told = new Map<string, number>()

  constructor(options: KeyUsesOptions) {
    this.#options = options
  }

  readonly note = (keyId: string): void => {
    const now = Date.now()
    if (now - (this.#told.get(keyId) ?? 0) < USE_EVERY_MS) return
    this.#told.set(keyId, now)
    this.#tell(keyId, now).catch((error: unknown) => {
      this.#options.log.warn('key_use_not_told', { keyId, error })
    })
  }

  async #tell(keyId: string, now: number): Promise<void> {
    const { appender, room, ttlDays } = this.#options
    room.require()
    const time = new Date(now).toISOString()
    const said = { source: 'sluice/edge', time, cause: { correlationid: randomUUID() } }
    const id = apiKeyMessageId.used(keyId, now)
    const data = { key_id: keyId, used_at: time }
    const event: ApiKeyUsed = envelope(said, { id, type: 'key.used', subject: keyId, data })
    const payload = JSON.stringify(event)
    await appender.append({
      subject: subjects.apiKeyUsed(keyId),
      id,
      payload,
      ttlDays,
    })
  }
}
