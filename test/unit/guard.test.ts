/** Who is let in, by what they show on a real connection, and whom it counts against. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { Problem } from '#domain/problem.ts'
import { createGuard, type GuardOptions, type Verdict } from '../../apps/edge/access/guard.ts'
import { ANYBODY_HERE, NOBODY, type Scope } from '../../apps/edge/access/principal.ts'
import type { RouteAccess } from '../../apps/edge/access/routes.ts'
import { keyRings, staticKeyRing } from '../../apps/edge/access/static-key.ts'
import { createTokens } from '../../apps/edge/access/tokens.ts'
import { createLimiter, unlimited } from '../../apps/edge/limits/limiter.ts'

const KEY = 'the-one-static-key'
const OTHER_KEY = 'a-key-of-somebody'
const READ: RouteAccess = { scopes: ['read:functions'] }
const EXECUTE: RouteAccess = { scopes: ['execute:all', 'execute:nodejs'], limit: 'execute' }
const ANONYMOUS_LIMIT = 10
const KNOWN_LIMIT = 100

const tokens = createTokens({
  jwtSecret: 'a secret of more than thirty-two bytes',
  ...{ jwksUrl: undefined, jwtIssuer: undefined, jwtAudience: undefined },
})
const somebody = { owner: 'lab', subject: 'key-1', scopes: new Set<Scope>(['jobs:read']) }
const keys = keyRings(staticKeyRing(KEY), {
  principalOf: (presented) => (presented === OTHER_KEY ? somebody : undefined),
})
const base: GuardOptions = { auth: 'required', keys, tokens, limiter: unlimited, trustedProxies: 0 }

/** Requests as they come from a socket; what is sent is the raw header lines. */
const server = createServer()
let incomingOf: (headers: readonly string[]) => Promise<IncomingMessage>
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  incomingOf = async (headers) => {
    const arrived = Promise.withResolvers<IncomingMessage>()
    server.once('request', (incoming, response) => {
      arrived.resolve(incoming)
      response.end()
    })
    const socket = connect(port, '127.0.0.1')
    socket.write(
      ['GET / HTTP/1.1', 'Host: x', 'Connection: close', ...headers, '', ''].join('\r\n'),
    )
    await text(socket)
    return arrived.promise
  }
})
after(() => server.close())

async function tokenFor(subject: string, ...scopes: Scope[]): Promise<string> {
  return (await tokens.sign({ subject, owner: subject, scopes })).access_token
}

interface Judged {
  readonly verdict: Verdict
  /** A word for it: `ada`, or `401 Bearer`. */
  readonly word: string
}

async function judge(
  headers: readonly string[],
  access: RouteAccess = READ,
  options: Partial<GuardOptions> = {},
): Promise<Judged> {
  const guard = createGuard({ ...base, ...options })
  return judged(await guard(access, await incomingOf(headers)))
}

function judged(verdict: Verdict): Judged {
  if (!('refused' in verdict)) return { verdict, word: verdict.principal.subject ?? 'anybody' }
  const { code, headers } = verdict.refused
  return { verdict, word: `${code} ${headers['www-authenticate'] ?? ''}`.trim() }
}

const ASK = 'UNAUTHORIZED Bearer'
const WRONG = 'UNAUTHORIZED Bearer error="invalid_token"'
const NOT_YOURS = 'FORBIDDEN Bearer error="insufficient_scope", scope="read:functions"'

describe('what a request shows', () => {
  it('is a key or a token, in one of three ways, the scheme in any case', async () => {
    const token = await tokenFor('ada', 'read:functions')
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'Bearer  ']) {
      assert.equal((await judge([`Authorization: ${scheme} ${token}`])).word, 'ada')
      assert.equal((await judge([`Authorization: ${scheme} ${KEY}`])).word, 'SLUICE_API_KEY')
    }
    assert.equal((await judge([`X-API-Key: ${KEY}`])).word, 'SLUICE_API_KEY')
    assert.equal((await judge([`x-api-key:   ${KEY}  `])).word, 'SLUICE_API_KEY')
    assert.equal((await judge([`X-API-Key: ${OTHER_KEY}`])).word, NOT_YOURS)
    assert.equal((await judge([])).word, ASK)
  })

  it('may be shown twice if it is the same', async () => {
    const both = [`Authorization: Bearer ${KEY}`, `X-API-Key: ${KEY}`]
    assert.equal((await judge(both)).word, 'SLUICE_API_KEY')
  })

  it('is refused otherwise, alike with and without need of it', async () => {
    const token = await tokenFor('ada', 'admin')
    const wrong: readonly (readonly string[])[] = [
      [`Authorization: Basic ${Buffer.from(`admin:${KEY}`).toString('base64')}`],
      [`Authorization: ${KEY}`],
      [`Authorization: ${token}`],
      [`Authorization: Bearer${token}`],
      [`Authorization: Bearer\t${token}`],
      [`Authorization: Bearer ${token}, Bearer ${token}`],
      [`Authorization: Bearer ${token} x`],
      [`Authorization: DPoP ${token}`],
      ['Authorization: Bearer'],
      ['Authorization:'],
      ['X-API-Key:'],
      [`X-API-Key: ${token}`],
      [`X-API-Key: ${KEY}x`],
      [`X-API-Key: ${KEY.slice(1)}`],
      [`X-API-Key: ${KEY.toUpperCase()}`],
      [`X-API-Key: Bearer ${KEY}`],
      [`Authorization: Bearer ${token}`, `X-API-Key: ${KEY}`],
      [`Authorization: Bearer ${token}`, 'X-API-Key:'],
      [`Authorization: Bearer ${token}`, `Authorization: Bearer ${KEY}`],
      [`Authorization: Bearer ${token}`, 'Authorization: Basic x'],
      [`X-API-Key: ${KEY}`, `X-API-Key: ${OTHER_KEY}`],
      [`Authorization: Bearer ${'x'.repeat(9_000)}`],
      [`Authorization: Bearer ${token}x`],
      [`Authorization: Bearer ${token.split('.').slice(0, 2).join('.')}`],
    ]
    const messages = new Set<string>()
    for (const headers of wrong) {
      for (const auth of ['required', 'open'] as const) {
        const { word, verdict } = await judge(headers, READ, { auth })
        assert.equal(word, WRONG, headers.join(' | '))
        assert.ok('refused' in verdict)
        const { message, details } = verdict.refused
        messages.add(JSON.stringify({ message, details }))
      }
    }
    assert.equal(messages.size, 1, 'the holder never hears what was wrong')
  })

  it('is what the headers say and nothing else', async () => {
    const guard = createGuard(base)
    const incoming = await incomingOf(['Cookie: authorization=x', 'Proxy-Authorization: Bearer x'])
    incoming.url = `/?access_token=${KEY}&api_key=${KEY}`
    assert.equal(judged(await guard(READ, incoming)).word, ASK)
  })
})

describe('an open instance', () => {
  const open = { auth: 'open' as const }

  it('lets in anybody without asking, and without a turn of the loop', async () => {
    const verdict = createGuard({ ...base, ...open })(READ, await incomingOf([]))
    assert.deepEqual(verdict, { principal: ANYBODY_HERE })
  })

  it('asks where a route is closed', async () => {
    const closed: RouteAccess = { scopes: ['execute:all'], closed: true }
    assert.equal((await judge([], closed, open)).word, ASK)
    assert.equal((await judge([`X-API-Key: ${KEY}`], closed, open)).word, 'SLUICE_API_KEY')
  })

  it('knows whoever shows who they are', async () => {
    const token = await tokenFor('ada', 'jobs:read')
    assert.equal((await judge([`Authorization: Bearer ${token}`], READ, open)).word, NOT_YOURS)
  })
})

it('a route that wants nothing has nobody before it, whatever they show', async () => {
  for (const headers of [[], ['Authorization: Basic x'], [`X-API-Key: ${KEY}`]]) {
    const { verdict } = await judge(headers, { scopes: [] })
    assert.deepEqual(verdict, { principal: NOBODY })
  }
})

it('being unable to tell is no refusal of the credentials', async () => {
  const down = () => Promise.reject(new Problem('UNAVAILABLE', 'The keys are out of reach.'))
  const guard = createGuard({ ...base, tokens: { ...tokens, verify: down } })
  const incoming = await incomingOf(['Authorization: Bearer a.b.c'])
  await assert.rejects(
    async () => guard(READ, incoming),
    (error) => error instanceof Problem && error.code === 'UNAVAILABLE',
  )
})

describe('a limit', () => {
  /** How many of `count` requests are answered with each word. */
  async function answers(
    guard: ReturnType<typeof createGuard>,
    headers: readonly string[],
    count: number,
  ): Promise<Record<string, number>> {
    const incoming = await incomingOf(headers)
    const words: Record<string, number> = {}
    for (let i = 0; i < count; i++) {
      const { word, verdict } = judged(await guard(EXECUTE, incoming))
      assert.ok(verdict.headers?.['ratelimit'], `${word} tells of the limit`)
      if (word === 'RATE_LIMITED') {
        assert.ok('refused' in verdict)
        const { retryAfterS = 0 } = verdict.refused
        assert.ok(retryAfterS >= 1 && retryAfterS <= 60)
        assert.equal(verdict.headers['retry-after'], String(retryAfterS))
      }
      words[word] = (words[word] ?? 0) + 1
    }
    return words
  }

  it('holds for an address while nobody is known there, and then hides the 401', async () => {
    const guard = createGuard({ ...base, limiter: createLimiter() })
    assert.deepEqual(await answers(guard, [], 6), { [ASK]: 6 })
    const wrong = ['X-API-Key: none-of-ours']
    const left = ANONYMOUS_LIMIT - 6
    assert.deepEqual(await answers(guard, wrong, 6), { [WRONG]: left, RATE_LIMITED: 2 })
    assert.deepEqual(await answers(guard, [], 2), { RATE_LIMITED: 2 })
  })

  it('holds for whoever is known by themselves, whatever others did at their address', async () => {
    const guard = createGuard({ ...base, limiter: createLimiter() })
    await answers(guard, [], ANONYMOUS_LIMIT + 1)
    const ada = [`Authorization: Bearer ${await tokenFor('ada', 'execute:nodejs')}`]
    assert.deepEqual(await answers(guard, ada, KNOWN_LIMIT + 1), {
      ada: KNOWN_LIMIT,
      RATE_LIMITED: 1,
    })
    const again = [`Authorization: Bearer ${await tokenFor('ada', 'admin')}`]
    assert.deepEqual(await answers(guard, again, 1), { RATE_LIMITED: 1 })
    const bob = [`Authorization: Bearer ${await tokenFor('bob', 'execute:nodejs')}`]
    assert.deepEqual(await answers(guard, bob, 1), { bob: 1 })
  })

  it('is not spent by those who pretend', async () => {
    const guard = createGuard({ ...base, limiter: createLimiter() })
    const token = await tokenFor('ada', 'execute:nodejs')
    await answers(guard, [`Authorization: Bearer ${token}x`], KNOWN_LIMIT)
    const known = await answers(guard, [`Authorization: Bearer ${token}`], KNOWN_LIMIT)
    assert.deepEqual(known, { ada: KNOWN_LIMIT })
  })

  it('counts who lacks the scope, and says what is missing until it is reached', async () => {
    const guard = createGuard({ ...base, limiter: createLimiter() })
    const eve = [`Authorization: Bearer ${await tokenFor('eve', 'jobs:read')}`]
    const missing =
      'FORBIDDEN Bearer error="insufficient_scope", scope="execute:all execute:nodejs"'
    assert.deepEqual(await answers(guard, eve, KNOWN_LIMIT + 1), {
      [missing]: KNOWN_LIMIT,
      RATE_LIMITED: 1,
    })
  })

  it('is by the address that a trusted proxy names, and by no other', async () => {
    const behind = createGuard({ ...base, limiter: createLimiter(), trustedProxies: 1 })
    const from = (address: string) => [`X-Forwarded-For: 203.0.113.9, ${address}`]
    await answers(behind, from('198.51.100.1'), ANONYMOUS_LIMIT)
    assert.deepEqual(await answers(behind, from('198.51.100.1'), 1), { RATE_LIMITED: 1 })
    assert.deepEqual(await answers(behind, from('198.51.100.2'), 1), { [ASK]: 1 })
    const direct = createGuard({ ...base, limiter: createLimiter() })
    await answers(direct, from('198.51.100.1'), ANONYMOUS_LIMIT)
    assert.deepEqual(await answers(direct, from('198.51.100.2'), 1), { RATE_LIMITED: 1 })
  })
})
