import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { requireEntrance } from '#runtime/config-access.ts'
import { ConfigError, resolveConfig } from '#runtime/config.ts'

const SECRET = 'a secret of thirty-two bytes, ok'
const LOOPBACK = ['127.0.0.1', '127.9.9.9', 'localhost', '::1']
const ELSEWHERE = ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.com', 'localhost.example']

describe('configuration of who may', () => {
  it('is open on loopback and closed elsewhere', () => {
    for (const HOST of LOOPBACK) assert.equal(resolveConfig({ HOST }).auth, 'open')
    for (const HOST of ELSEWHERE) assert.equal(resolveConfig({ HOST }).auth, 'required')
    assert.equal(resolveConfig({ AUTH: 'required' }).auth, 'required')
  })

  it('refuses to be open elsewhere, and says how to go on', () => {
    for (const HOST of ELSEWHERE) {
      const resolve = () => resolveConfig({ HOST, AUTH: 'open' })
      assert.throws(resolve, /AUTH=required.*HOST=127\.0\.0\.1.*environment.*\.env/)
    }
  })

  it('lets nothing start that nobody could enter, and names every way in', () => {
    const closed = { AUTH: 'required' }
    const enter = (env: Record<string, string>) => requireEntrance(resolveConfig(env))
    assert.throws(
      () => enter(closed),
      /JWT_SECRET.*JWKS_URL.*SLUICE_API_KEY.*environment.*\.env.*npm start.*AUTH=open/,
    )
    assert.throws(() => enter({ ...closed, JWT_SECRET: '', SLUICE_API_KEY: ' ' }), ConfigError)
    enter({ ...closed, JWT_SECRET: SECRET })
    enter({ ...closed, JWKS_URL: 'https://id.example/keys' })
    enter({ ...closed, SLUICE_API_KEY: 'sixteen-or-more-x' })
    enter({})
  })

  const wrong: Readonly<Record<string, readonly string[]>> = {
    AUTH: ['optional'],
    JWT_SECRET: ['s3cret', SECRET.slice(1)],
    SLUICE_API_KEY: [
      's3cret',
      's3cret with a space',
      's3cret.that-looks-like.a-token',
      's3crét-0123456789',
    ],
    JWKS_URL: ['id.example/keys', 'file:///keys', 'https://user:s3cret@id.example/keys'],
    CORS_ORIGINS: [
      '*',
      'null',
      'app.example',
      'https://app.example/',
      'https://APP.example',
      'https://*.example',
    ],
    LAMBDA_HOSTS: ['https://api.example', 'api.example/path'],
  }
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      it(`stops the start on ${name}=${value}, says how to set it, and shows no secret`, () => {
        assert.throws(
          () => resolveConfig({ [name]: value }),
          (error) => {
            assert.ok(error instanceof ConfigError)
            assert.ok(error.message.includes(name))
            assert.doesNotMatch(error.message, /s3cr/)
            return /environment.*\.env/.test(error.message)
          },
        )
      })
    }
  }

  it('counts the bytes of a secret, not its characters', () => {
    assert.equal(resolveConfig({ JWT_SECRET: 'é'.repeat(16) }).jwtSecret, 'é'.repeat(16))
  })

  it('takes origins and hosts apart at their commas', () => {
    const { corsOrigins, lambdaHosts } = resolveConfig({
      CORS_ORIGINS: 'https://app.example, http://localhost:3000,',
      LAMBDA_HOSTS: 'API.example ,two.example',
    })
    assert.deepEqual(corsOrigins, ['https://app.example', 'http://localhost:3000'])
    assert.deepEqual(lambdaHosts, ['api.example', 'two.example'])
    assert.deepEqual(resolveConfig({}).lambdaHosts, ['api.lambda-microservice.example.com'])
  })
})
