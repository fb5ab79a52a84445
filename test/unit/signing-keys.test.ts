/** Tokens of an identity provider, with a real one to ask: rotation, floods, and being down. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import { exportSPKI, importJWK, type CryptoKey } from 'jose'
import { Problem } from '#domain/problem.ts'
import { createTokens } from '../../apps/edge/access/tokens.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { until } from '../support/until.ts'

const SECRET = 'a secret of more than thirty-two bytes'
const none = { jwtIssuer: undefined, jwtAudience: undefined }
const FLOOD = 50

const claims = (more: object = {}) => ({
  sub: 'ada',
  exp: Math.floor(Date.now() / 1_000) + 60,
  scope: 'jobs:read',
  ...more,
})

const codeOf = (verifying: Promise<unknown>) =>
  verifying.then(
    () => 'taken',
    (error: unknown) => (error instanceof Problem ? error.code : String(error)),
  )

describe('tokens of an identity provider', () => {
  for (const alg of ['RS256', 'ES256', 'EdDSA']) {
    it(`are taken when signed with ${alg}, and owned by their subject whatever they say`, async () => {
      await using provider = await startIdentityProvider()
      await provider.addKey('one', alg)
      const tokens = createTokens({ ...none, jwtSecret: SECRET, jwksUrl: provider.url })
      const token = await provider.sign('one', claims({ owner: 'local' }))
      const { owner, subject, scopes } = await tokens.verify(token)
      assert.deepEqual([owner, subject, [...scopes]], ['ada', 'ada', ['jobs:read']])
    })
  }

  it('cannot pass for the owner of what was made without credentials', async () => {
    await using provider = await startIdentityProvider()
    await provider.addKey('one')
    const tokens = createTokens({ ...none, jwtSecret: undefined, jwksUrl: provider.url })
    const verifying = tokens.verify(await provider.sign('one', claims({ sub: 'local' })))
    assert.equal(await codeOf(verifying), 'UNAUTHORIZED')
  })

  it('cannot be forged with the public key as a secret', async () => {
    await using provider = await startIdentityProvider()
    await provider.addKey('one')
    const [jwk = {}] = provider.keys
    const pem = await exportSPKI((await importJWK(jwk)) as CryptoKey)
    const both = createTokens({ ...none, jwtSecret: SECRET, jwksUrl: provider.url })
    const lone = createTokens({ ...none, jwtSecret: undefined, jwksUrl: provider.url })
    for (const secret of [pem, pem.trim(), JSON.stringify(jwk)]) {
      const head = [{ alg: 'HS256', kid: 'one' }, claims()]
      const input = head
        .map((it) => Buffer.from(JSON.stringify(it)).toString('base64url'))
        .join('.')
      const forged = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
      for (const tokens of [both, lone]) {
        assert.equal(await codeOf(tokens.verify(forged)), 'UNAUTHORIZED')
      }
    }
    assert.equal(provider.asked, 0, 'nobody was asked about an algorithm that is not theirs')
  })

  it('are refused when another key signed them under a known kid, or one that is no signing key', async () => {
    await using provider = await startIdentityProvider()
    await using other = await startIdentityProvider()
    await provider.addKey('one')
    await other.addKey('one')
    const tokens = createTokens({ ...none, jwtSecret: undefined, jwksUrl: provider.url })
    assert.equal(await codeOf(tokens.verify(await other.sign('one', claims()))), 'UNAUTHORIZED')
    assert.equal(
      await codeOf(tokens.verify(await other.sign('one', claims(), { jwk: other.keys[0] }))),
      'UNAUTHORIZED',
    )
    const good = await provider.sign('one', claims())
    assert.equal(await codeOf(tokens.verify(good)), 'taken')

    await using encrypting = await startIdentityProvider()
    await encrypting.addKey('one')
    Object.assign(encrypting.keys[0] ?? {}, { use: 'enc' })
    const wary = createTokens({ ...none, jwtSecret: undefined, jwksUrl: encrypting.url })
    assert.equal(await codeOf(wary.verify(await encrypting.sign('one', claims()))), 'UNAUTHORIZED')
  })

  it('are checked for issuer and audience too', async () => {
    await using provider = await startIdentityProvider()
    await provider.addKey('one')
    const tokens = createTokens({
      jwtSecret: undefined,
      jwksUrl: provider.url,
      jwtIssuer: 'https://id.example',
      jwtAudience: 'sluice',
    })
    const right = { iss: 'https://id.example', aud: 'sluice' }
    const signed = (more: object) => provider.sign('one', claims({ ...right, ...more }))
    assert.equal(await codeOf(tokens.verify(await signed({}))), 'taken')
    assert.equal(await codeOf(tokens.verify(await signed({ iss: 'x' }))), 'UNAUTHORIZED')
    assert.equal(await codeOf(tokens.verify(await signed({ aud: 'x' }))), 'UNAUTHORIZED')
  })
})

describe('the keys of an identity provider', () => {
  it('may rotate: a new one is found, a withdrawn one is gone with the next look', async () => {
    await using provider = await startIdentityProvider()
    await provider.addKey('old')
    const tokens = createTokens({
      ...{ ...none, jwtSecret: undefined, jwksUrl: provider.url },
      ...{ cooldownMs: 20, retryMs: 10 },
    })
    assert.equal(await codeOf(tokens.verify(await provider.sign('old', claims()))), 'taken')
    await provider.addKey('new')
    provider.keys.shift()
    await until(async () => {
      const token = await provider.sign('new', claims())
      return (await codeOf(tokens.verify(token))) === 'taken'
    })
    const late = await provider.sign('old', claims({ jti: 'late' }))
    assert.equal(await codeOf(tokens.verify(late)), 'UNAUTHORIZED')
  })

  it('are asked for once, however many tokens name an unknown one', async () => {
    await using provider = await startIdentityProvider()
    await using stranger = await startIdentityProvider()
    await provider.addKey('one')
    const tokens = createTokens({ ...none, jwtSecret: undefined, jwksUrl: provider.url })
    for (let i = 0; i < FLOOD; i++) await stranger.addKey(`unknown-${i}`, 'ES256')
    const forged = await Promise.all(
      Array.from({ length: FLOOD }, (_, i) => stranger.sign(`unknown-${i}`, claims())),
    )
    const codes = await Promise.all(forged.map((token) => codeOf(tokens.verify(token))))
    assert.deepEqual(new Set(codes), new Set(['UNAUTHORIZED']))
    for (const token of forged) await codeOf(tokens.verify(token))
    assert.equal(provider.asked, 1)
    assert.equal(await codeOf(tokens.verify(await provider.sign('one', claims()))), 'taken')
    assert.equal(provider.asked, 1)
  })

  const failures = [
    { status: 500, body: '{}' },
    { status: 302, body: '' },
    { status: 200, body: '<html>' },
    { status: 200, body: '{"keys":"none"}' },
    { status: 200, body: 'null' },
  ]
  for (const failure of failures) {
    it(`out of reach (${failure.status} ${failure.body}) are no fault of the token, and asked for once`, async () => {
      await using provider = await startIdentityProvider()
      await provider.addKey('one')
      provider.fails = failure
      const config = { ...none, jwtSecret: SECRET, jwksUrl: provider.url }
      const tokens = createTokens({ ...config, retryMs: 200 })
      const token = await provider.sign('one', claims())
      for (let i = 0; i < 5; i++) assert.equal(await codeOf(tokens.verify(token)), 'UNAVAILABLE')
      assert.equal(provider.asked, 1)
      const { access_token } = await tokens.sign({ subject: 'eve', owner: 'eve', scopes: [] })
      assert.equal(await codeOf(tokens.verify(access_token)), 'taken', 'ours need nobody')
      provider.fails = undefined
      await until(async () => (await codeOf(tokens.verify(token))) === 'taken')
      assert.equal(provider.asked, 2)
    })
  }

  it('are out of reach when nobody listens there', async () => {
    const provider = await startIdentityProvider()
    await provider.addKey('one')
    const token = await provider.sign('one', claims())
    const { url } = provider
    await provider[Symbol.asyncDispose]()
    const tokens = createTokens({ ...none, jwtSecret: undefined, jwksUrl: url })
    assert.equal(await codeOf(tokens.verify(token)), 'UNAVAILABLE')
  })
})
