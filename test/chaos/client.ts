/**
 * Asks the functions API and holds each answer against what was promised by then.
 *
 * Invariants:
 * 1. A failure is a 503 or 504 in the surface's own format, or a closed connection; it comes before
 *    the request's deadline.
 * 2. A 4xx does not lie: what a 2xx made is not 404.
 * 3. After a 2xx the next read shows it, unless it says `Sluice-Stale` or 503.
 */
import { CALL_GRACE_MS } from '#events/streams.ts'
import type { Asked, Exchange, Outcome } from './exchange.ts'
import type { Journal, Kind, Known } from './journal.ts'
import { TIMEOUT_MS, type Source } from './sources.ts'

/** The machine is small and shared: what is judged is hanging, not speed. */
const SLACK_MS = 30_000
export const WAIT_S = 2
const DEADLINE_MS: Readonly<Record<Kind, number>> = {
  sync: TIMEOUT_MS + CALL_GRACE_MS,
  async: 10_000,
  wait: 10_000 + 1_000 * WAIT_S,
  register: 16_000,
  update: 16_000,
  delete: 16_000,
  read: 10_000,
}

export interface Reply {
  readonly status: number
  readonly data: unknown
  readonly error:
    { readonly code: string; readonly details?: { readonly job_id?: number } } | undefined
  readonly stale: boolean
}

export interface JobView {
  readonly id: number
  readonly function_id: number
  readonly function_version: number
  readonly status: 'pending' | 'running' | 'success' | 'failed'
  readonly result: unknown
  readonly attempt: number
}

export const isEnded = ({ status }: JobView) => status === 'success' || status === 'failed'

export class Client {
  readonly #exchange: Exchange
  readonly #journal: Journal

  constructor(exchange: Exchange, journal: Journal) {
    this.#exchange = exchange
    this.#journal = journal
  }

  /** Resolves with the answer; undefined if the connection was closed or nothing came. */
  async ask(kind: Kind, asked: Asked): Promise<Reply | undefined> {
    const outcome = await this.#exchange(asked)
    const reply = outcome.kind === 'answered' ? read(outcome) : undefined
    this.#journal.note(kind, outcome, reply?.error?.code ?? '')
    this.#judge(kind, asked, outcome, reply)
    return reply
  }

  async invoke(known: Known, kind: 'sync' | 'async' | 'wait'): Promise<JobView | undefined> {
    const invocation = this.#journal.invoking(known.functionId, kind)
    const versionBefore = known.version
    const couldBeGone = known.deletion
    const reply = await this.ask(kind, {
      method: 'POST',
      path: `/functions/${known.functionId}/invoke`,
      json: { n: invocation.n },
      headers: preferenceOf(kind),
    })
    if (reply === undefined || reply.status >= 500) return undefined
    if (reply.status === 404 && known.deletion !== 'none') return undefined
    if (couldBeGone === 'deleted') {
      this.#journal.violate(`function ${known.functionId} was deleted and still took an invocation`)
    }
    if (reply.status !== 200 && reply.status !== 202) {
      this.#journal.violate(`invoking function ${known.functionId} was answered ${show(reply)}`)
      return undefined
    }
    const job = reply.data as JobView
    invocation.answered = true
    const end = isEnded(job)
      ? { status: job.status, result: job.result, attempt: job.attempt }
      : undefined
    this.#journal.tell({ jobId: job.id, n: invocation.n, functionId: known.functionId, end })
    if (job.function_version < versionBefore) {
      this.#journal.violate(
        `job ${job.id} ran version ${job.function_version} after version ${versionBefore} was acknowledged`,
      )
    }
    return job
  }

  /** Reads a job that a 2xx named; undefined: not now. */
  async job(told: JobView): Promise<JobView | undefined> {
    const reply = await this.ask('read', { method: 'GET', path: `/jobs/${told.id}` })
    if (reply === undefined || reply.status >= 500) return undefined
    if (reply.status !== 200) {
      this.#journal.violate(`job ${told.id} was acknowledged, and reading it gave ${show(reply)}`)
      return undefined
    }
    const job = reply.data as JobView
    if (
      isEnded(told) &&
      !reply.stale &&
      JSON.stringify(endOf(job)) !== JSON.stringify(endOf(told))
    ) {
      this.#journal.violate(
        `job ${told.id} ended as ${JSON.stringify(endOf(told))} and reads ${JSON.stringify(endOf(job))}`,
      )
    }
    return job
  }

  async register(source: Source): Promise<Known | undefined> {
    const reply = await this.ask('register', { method: 'POST', path: '/functions', json: source })
    const { uncertainNames, takenNames, functions } = this.#journal
    if (reply === undefined || reply.status >= 500) {
      uncertainNames.add(source.name)
      return undefined
    }
    if (reply.status === 409 && uncertainNames.has(source.name)) {
      takenNames.add(source.name)
      return undefined
    }
    if (reply.status !== 201) {
      this.#journal.violate(`registering ${source.name} was answered ${show(reply)}`)
      return undefined
    }
    const { function_id: functionId, version } = reply.data as {
      function_id: number
      version: number
    }
    const known: Known = { functionId, name: source.name, version, deletion: 'none' }
    functions.set(functionId, known)
    await this.#expectFunction(known)
    return known
  }

  async update(known: Known): Promise<void> {
    const json = { description: `change ${this.#journal.number()}` }
    const path = `/functions/${known.functionId}`
    const reply = await this.ask('update', { method: 'PUT', path, json })
    if (reply === undefined || reply.status >= 500) return
    if (reply.status === 404 && known.deletion !== 'none') return
    if (reply.status !== 200) {
      this.#journal.violate(`updating function ${known.functionId} was answered ${show(reply)}`)
      return
    }
    const { version } = reply.data as { version: number }
    if (version <= known.version) {
      this.#journal.violate(`function ${known.functionId} got version ${version} twice`)
    }
    known.version = version
    await this.#expectFunction(known)
  }

  async remove(known: Known): Promise<void> {
    known.deletion = 'asked'
    const path = `/functions/${known.functionId}`
    const reply = await this.ask('delete', { method: 'DELETE', path })
    if (reply === undefined || reply.status >= 500) return
    if (reply.status !== 204) {
      if (reply.status !== 404) {
        this.#journal.violate(`deleting function ${known.functionId} was answered ${show(reply)}`)
      }
      return
    }
    known.deletion = 'deleted'
    const after = await this.ask('read', { method: 'GET', path })
    if (after?.status === 200 && !after.stale) {
      this.#journal.violate(`function ${known.functionId} was deleted and could still be read`)
    }
  }

  async #expectFunction(known: Known): Promise<void> {
    const { functionId, version } = known
    const reply = await this.ask('read', { method: 'GET', path: `/functions/${functionId}` })
    if (reply === undefined || reply.status >= 500 || known.deletion !== 'none') return
    if (reply.status !== 200) {
      this.#journal.violate(
        `function ${functionId} was acknowledged, and reading it gave ${show(reply)}`,
      )
      return
    }
    const read = reply.data as { version: number; name: string }
    if (reply.stale) return
    if (read.version < version || read.name !== known.name) {
      this.#journal.violate(
        `function ${functionId} version ${version} was acknowledged and reads ${JSON.stringify(read)}`,
      )
    }
  }

  #judge(kind: Kind, { method, path }: Asked, outcome: Outcome, reply: Reply | undefined): void {
    const what = `${method} ${path} (${kind})`
    const ms = Math.round(outcome.ms)
    if (outcome.ms > DEADLINE_MS[kind] + SLACK_MS) {
      this.#journal.violate(`${what} took ${ms} ms: ${outcome.kind}`)
    }
    if (reply === undefined) return
    if (reply.stale) this.#journal.stale++
    if (reply.status >= 500 && reply.status !== 503 && reply.status !== 504) {
      this.#journal.violate(`${what} was answered ${show(reply)}`)
    }
    if (reply.status >= 400 && reply.error === undefined) {
      this.#journal.violate(`${what} failed in a format of its own: ${show(reply)}`)
    }
  }
}

function endOf({ status, result, attempt }: JobView) {
  return { status, result, attempt }
}

function preferenceOf(kind: Kind): Record<string, string> {
  if (kind === 'async') return { prefer: 'respond-async' }
  return kind === 'wait' ? { prefer: `wait=${WAIT_S}` } : {}
}

function read({ status, text, headers }: Extract<Outcome, { kind: 'answered' }>): Reply {
  const stale = headers['sluice-stale'] !== undefined
  if (text === '') return { status, data: undefined, error: undefined, stale }
  try {
    const { success, data, error } = JSON.parse(text) as Partial<Reply> & { success?: boolean }
    const refusal = success === false && typeof error?.code === 'string' ? error : undefined
    return { status, data, error: refusal, stale }
  } catch {
    return { status, data: text.slice(0, 200), error: undefined, stale }
  }
}

const show = ({ status, data, error }: Reply) =>
  `${status} ${JSON.stringify(error ?? data ?? null).slice(0, 300)}`
