/** Tokens of our own: what we sign, what we take, and all that is the same 401. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import { decodeJwt, SignJWT, type JWTPayload } from 'jose'
import { Problem } from '#domain/problem.ts'
import { createTokens } from '../../apps/edge/access/tokens.ts'

const SECRET = 'a secret of more than thirty-two bytes'
const DAY_S = 24 * 3_600
const config = {
  jwtSecret: SECRET,
  jwksUrl: undefined,
  jwtIssuer: 'https://id.example',
  jwtAudience: 'sluice',
}
const tokens = createTokens(config)

const now = () => Math.floor(Date.now() / 1_000)
const base64url = (text: string) => Buffer.from(text).toString('base64url')

/** With all that is wanted, unless `claims` say otherwise; undefined leaves one out. */
function claimsWith(claims: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const usual = { sub: 'ada', iss: config.jwtIssuer, aud: config.jwtAudience, exp: now() + 60 }
  const all = { ...usual, scope: 'jobs:read', ...claims }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** Signed by hand, so that a test can say what no library would. */
function signed(payload: string, header: object = { alg: 'HS256', typ: 'JWT' }, secret = SECRET) {
  const input = `${base64url(JSON.stringify(header))}.${base64url(payload)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

const signedClaims = (claims?: Readonly<Record<string, unknown>>, header?: object) =>
  signed(JSON.stringify(claimsWith(claims)), header)

async function refusalOf(token: string, using = tokens): Promise<Problem> {
  const problem = await using.verify(token).then(
    () => assert.fail('it was taken'),
    (error: unknown) => error,
  )
  assert.ok(problem instanceof Problem, String(problem))
  assert.equal(problem.code, 'UNAUTHORIZED')
  assert.equal(problem.message, 'The credentials are not valid.')
  assert.deepEqual(problem.headers, { 'www-authenticate': 'Bearer error="invalid_token"' })
  assert.ok(typeof problem.cause === 'string' && !problem.cause.includes(token))
  return problem
}

describe('a token of our own', () => {
  it('is taken for whom it was signed, for an hour', async () => {
    const scopes = ['execute:nodejs', 'jobs:read'] as const
    const { access_token, expires_in } = await tokens.sign({ subject: 'ada', owner: 'lab', scopes })
    assert.equal(expires_in, 3_600)
    const { iat = 0, exp = 0, ...claims } = decodeJwt(access_token)
    assert.equal(exp - iat, 3_600)
    const said = { sub: 'ada', owner: 'lab', scope: 'execute:nodejs jobs:read' }
    assert.deepEqual(claims, { ...said, iss: config.jwtIssuer, aud: config.jwtAudience })
    assert.deepEqual(await tokens.verify(access_token), {
      subject: 'ada',
      owner: 'lab',
      scopes: new Set(scopes),
    })
  })

  it('names no issuer and no audience where none is configured', async () => {
    const plain = createTokens({ ...config, jwtIssuer: undefined, jwtAudience: undefined })
    const { access_token } = await plain.sign({ subject: 'ada', owner: 'ada', scopes: [] })
    const { iss, aud, scope } = decodeJwt(access_token)
    assert.deepEqual([iss, aud, scope], [undefined, undefined, ''])
    assert.equal((await plain.verify(access_token)).scopes.size, 0)
  })

  it('cannot be signed without a secret, and none is taken then', async () => {
    const none = createTokens({ ...config, jwtSecret: undefined })
    await assert.rejects(
      none.sign({ subject: 'ada', owner: 'ada', scopes: [] }),
      (error) => error instanceof Problem && error.code === 'UNAVAILABLE',
    )
    await refusalOf(signedClaims(), none)
  })
})

describe('a token that somebody signed with our secret', () => {
  it('is owned by its subject unless it names an owner', async () => {
    assert.equal((await tokens.verify(signedClaims())).owner, 'ada')
    assert.equal((await tokens.verify(signedClaims({ owner: 'lab' }))).owner, 'lab')
  })

  it('has the scopes that we know, whatever else it lists', async () => {
    const scope = 'execute:all  execute:everything jobs:read JOBS:READ'
    const { scopes } = await tokens.verify(signedClaims({ scope }))
    assert.deepEqual([...scopes], ['execute:all', 'jobs:read'])
    assert.equal((await tokens.verify(signedClaims({ scope: undefined }))).scopes.size, 0)
  })

  const good: Readonly<Record<string, string>> = {
    'without typ': signedClaims({}, { alg: 'HS256' }),
    'that ended a moment ago, as clocks differ': signedClaims({ exp: now() - 1 }),
    'with a key in its header, which nobody looks at': signedClaims({}, { alg: 'HS256', jwk: {} }),
    'with a URL of keys in its header': signedClaims({}, { alg: 'HS256', jku: 'http://x.example' }),
    'with an exp of a day from now': signedClaims({ exp: now() + DAY_S }),
    'for several audiences, ours among them': signedClaims({ aud: ['other', 'sluice'] }),
  }
  for (const [what, token] of Object.entries(good)) {
    it(`is taken ${what}`, async () => {
      assert.equal((await tokens.verify(token)).subject, 'ada')
    })
  }

  it('is taken by its last sub when it has two', async () => {
    const payload = JSON.stringify(claimsWith()).replace('{', '{"sub":"eve",')
    assert.equal((await tokens.verify(signed(payload))).subject, 'ada')
  })
})

const none = (alg: string) => {
  const header = base64url(JSON.stringify({ alg }))
  return `${header}.${base64url(JSON.stringify(claimsWith()))}.`
}

const BAD: Readonly<Record<string, string>> = {
  'alg none': none('none'),
  'alg nOnE': none('nOnE'),
  'alg none with a signature': signedClaims({}, { alg: 'none' }),
  'alg hs256': signedClaims({}, { alg: 'hs256' }),
  'alg HS512': signedClaims({}, { alg: 'HS512' }),
  'an algorithm of a provider that is not configured': signedClaims({}, { alg: 'RS256' }),
  'no alg': signedClaims({}, { typ: 'JWT' }),
  'an alg that is no text': signedClaims({}, { alg: ['HS256'] }),
  'unknown crit': signedClaims({}, { alg: 'HS256', crit: ['x'], x: 1 }),
  'an unencoded payload': signedClaims({}, { alg: 'HS256', crit: ['b64'], b64: false }),
  'another secret': signed(JSON.stringify(claimsWith()), undefined, `${SECRET}!`),
  'an empty secret': signed(JSON.stringify(claimsWith()), undefined, ''),
  'a changed payload': signedClaims().replace(/\.[^.]+\./, `.${base64url('{"sub":"eve"}')}.`),
  'half its signature': signedClaims().slice(0, -20),
  'a space behind it': `${signedClaims()} `,
  'a line end behind it': `${signedClaims()}\n`,
  'a fourth part': `${signedClaims()}.x`,
  'two parts': signedClaims().split('.').slice(0, 2).join('.'),
  padding: `${signedClaims()}=`,
  'more than 8,192 characters': signedClaims({ more: 'x'.repeat(8_192) }),
  'a payload that is no JSON': signed('{'),
  'a payload that is no object': signed('"ada"'),
  'a payload of null': signed('null'),
  'a header that is no JSON': `${base64url('{')}.${base64url('{}')}.x`,
  'a word': 'word',
  'the wrong aud': signedClaims({ aud: 'other' }),
  'no aud': signedClaims({ aud: undefined }),
  'the wrong iss': signedClaims({ iss: 'https://id.example/' }),
  'no iss': signedClaims({ iss: undefined }),
  'nbf in a minute': signedClaims({ nbf: now() + 60 }),
  'nbf as text': signedClaims({ nbf: '0' }),
  'exp as text': signedClaims({ exp: String(now() + 60) }),
  'no exp': signedClaims({ exp: undefined }),
  'exp 6 s ago': signedClaims({ exp: now() - 7 }),
  'exp beyond a day': signedClaims({ exp: now() + DAY_S + 60 }),
  'exp 1e308': signed(JSON.stringify(claimsWith({ exp: 0 })).replace('"exp":0', '"exp":1e308')),
  'exp beyond all numbers': signed(
    JSON.stringify(claimsWith({ exp: 0 })).replace('"exp":0', '"exp":1e999'),
  ),
  'a life of more than a day': signedClaims({ iat: now() - DAY_S, exp: now() + 60 }),
  'iat in ten minutes': signedClaims({ iat: now() + 600 }),
  'iat as text': signedClaims({ iat: 'now' }),
  'scope as an array': signedClaims({ scope: ['jobs:read'] }),
  'scope as an object': signedClaims({ scope: { 'jobs:read': true } }),
  'scope as null': signedClaims({ scope: null }),
  'no sub': signedClaims({ sub: undefined }),
  'an empty sub': signedClaims({ sub: '' }),
  'a sub that is no text': signedClaims({ sub: 42 }),
  'a sub with a line end': signedClaims({ sub: 'ada\nadmin' }),
  'a sub with U+0000': signedClaims({ sub: 'ada\u0000' }),
  'a sub with half a surrogate pair': signedClaims({ sub: 'ada\ud800' }),
  'a sub that hides its direction': signedClaims({ sub: 'ada\u202e' }),
  'a sub of 257 characters': signedClaims({ sub: 'a'.repeat(257) }),
  'an empty owner': signedClaims({ owner: '' }),
  'an owner that is no text': signedClaims({ owner: ['local'] }),
}

describe('a token is refused, and its holder hears always the same, with', () => {
  for (const [what, token] of Object.entries(BAD)) {
    it(what, () => refusalOf(token).then(() => undefined))
  }
})

describe('what is remembered of a token', () => {
  it('does not outlive it', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const fresh = createTokens(config)
    const claims = claimsWith({ exp: now() + 10 }) as JWTPayload
    const secret = new TextEncoder().encode(SECRET)
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(secret)
    const principal = await fresh.verify(token)
    assert.equal(await fresh.verify(token), principal, 'the second time it is remembered')
    context.mock.timers.tick(12_000)
    assert.notEqual(await fresh.verify(token), principal, 'beyond its end it is looked at again')
    context.mock.timers.tick(5_000)
    await refusalOf(token, fresh)
  })

  it('says nothing for one that was refused', async () => {
    const [token, other] = [signedClaims(), signedClaims({ sub: 'eve' })]
    await tokens.verify(token)
    await refusalOf(token.slice(0, token.lastIndexOf('.') + 1) + (other.split('.')[2] ?? ''))
  })
})
