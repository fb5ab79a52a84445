import assert from 'node:assert/strict'
import { isAbsolute } from 'node:path'
import { describe, it } from 'node:test'
import { ConfigError, required, resolveConfig } from '#runtime/config.ts'

describe('configuration', () => {
  it('is total and frozen when nothing is given', () => {
    const config = resolveConfig({})
    assert.equal(config.host, '127.0.0.1')
    assert.equal(config.port, 8000)
    assert.equal(config.natsUrl, undefined)
    assert.equal(config.logLevel, 'info')
    assert.ok(isAbsolute(config.home))
    assert.ok(Object.isFrozen(config))
  })

  it('takes what is given, and empty or blank counts as not given', () => {
    const given = { PORT: '0', LOG_LEVEL: 'debug', NATS_URL: ' nats://n:4222 ', DATABASE_URL: ' ' }
    const config = resolveConfig(given)
    assert.equal(config.port, 0)
    assert.equal(config.logLevel, 'debug')
    assert.equal(config.natsUrl, 'nats://n:4222')
    assert.equal(config.databaseUrl, undefined)
  })

  const wrong = { PORT: '80a', LOG_LEVEL: 'loud', MAX_BODY_BYTES: '1.5', EVENT_TTL_DAYS: '-1' }
  for (const [name, value] of Object.entries(wrong)) {
    it(`stops the start on ${name}=${value} and says how to set it`, () => {
      const resolve = () => resolveConfig({ [name]: value })
      assert.throws(resolve, (error) => {
        assert.ok(error instanceof ConfigError)
        assert.equal(error.code, 'CONFIG_INVALID')
        assert.ok(error.message.includes(name) && error.message.includes(value))
        return /environment.*\.env/.test(error.message)
      })
    })
  }

  it('takes the address of a Redis, and refuses another without repeating its password', () => {
    for (const url of ['redis://h', 'rediss://u:p@h:6380/2', 'redis://h:6379/']) {
      assert.equal(resolveConfig({ REDIS_URL: url }).redisUrl, url)
    }
    assert.equal(resolveConfig({}).redisUrl, undefined)
    for (const url of ['h:6379', 'http://u:secret@h', 'redis://', 'redis://u:secret@h/jobs']) {
      assert.throws(
        () => resolveConfig({ REDIS_URL: url }),
        (error) =>
          error instanceof ConfigError &&
          /^REDIS_URL .*redis:\/\/.*environment.*\.env/.test(error.message) &&
          !error.message.includes('secret'),
        url,
      )
    }
  })

  it('limits unless told otherwise, and believes no proxy unless told how many there are', () => {
    assert.equal(resolveConfig({}).rateLimits, 'on')
    assert.equal(resolveConfig({ RATE_LIMITS: 'off' }).rateLimits, 'off')
    assert.throws(() => resolveConfig({ RATE_LIMITS: 'no' }), ConfigError)
    assert.equal(resolveConfig({}).trustedProxies, 0)
    assert.throws(() => resolveConfig({ TRUSTED_PROXIES: '-1' }), ConfigError)
  })

  it('refuses a port that cannot be one', () => {
    assert.throws(() => resolveConfig({ PORT: '65536' }), ConfigError)
    assert.equal(resolveConfig({ PORT: '65535' }).port, 65_535)
  })

  it('has a port for gRPC: a fixed one, a free one beside a PORT that was moved, or none', () => {
    assert.equal(resolveConfig({}).grpcPort, 50_051)
    assert.equal(resolveConfig({ PORT: '8001' }).grpcPort, 0)
    assert.equal(resolveConfig({ PORT: '8001', GRPC_PORT: '50052' }).grpcPort, 50_052)
    assert.equal(resolveConfig({ GRPC_PORT: 'off' }).grpcPort, undefined)
    assert.throws(() => resolveConfig({ GRPC_PORT: 'on' }), ConfigError)
  })

  it('names the variable that a lone process cannot live without', () => {
    const config = resolveConfig({ NATS_URL: 'nats://n' })
    assert.equal(required(config, 'natsUrl'), 'nats://n')
    assert.throws(() => required(config, 'databaseUrl'), /DATABASE_URL.*npm start/)
  })
})
