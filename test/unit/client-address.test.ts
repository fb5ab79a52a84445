import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { clientAddress } from '../../apps/edge/limits/client-address.ts'

const SOCKET = '198.51.100.7'

function address(forwarded: string | undefined, trustedProxies: number, remoteAddress = SOCKET) {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  return clientAddress({ headers, socket: { remoteAddress } }, trustedProxies)
}

describe('the address of a client', () => {
  it('is the socket’s unless proxies are trusted', () => {
    assert.equal(address('203.0.113.9', 0), SOCKET)
    assert.equal(address(undefined, 0), SOCKET)
    assert.equal(clientAddress({ headers: {}, socket: { remoteAddress: undefined } }, 0), 'unknown')
  })

  it('is what the outermost trusted proxy saw, whatever the client wrote before it', () => {
    assert.equal(address('1.1.1.1, 2.2.2.2, 203.0.113.9', 1), '203.0.113.9')
    assert.equal(address('1.1.1.1, 203.0.113.9, 10.0.0.1', 2), '203.0.113.9')
    assert.equal(address('203.0.113.9,10.0.0.1', 2), '203.0.113.9')
  })

  it('falls back to the socket when the entry is missing or malformed', () => {
    for (const forwarded of [
      undefined,
      '',
      '203.0.113.9',
      'unknown, 10.0.0.1',
      '999.1.1.1, 10.0.0.1',
      '01.2.3.4, 10.0.0.1',
      '<script>, 10.0.0.1',
      '2001:db8::1::2, 10.0.0.1',
      '203.0.113.9, , 10.0.0.1',
      ', 10.0.0.1',
    ]) {
      assert.equal(address(forwarded, 2), SOCKET, forwarded)
    }
  })

  it('reads an entry with its port', () => {
    assert.equal(address('203.0.113.9:4711', 1), '203.0.113.9')
    assert.equal(address('[2001:db8::1]:4711', 1), '2001:db8:0:0::/64')
    assert.equal(address('[2001:db8::1]', 1), '2001:db8:0:0::/64')
  })

  it('counts IPv6 by its /64, however it is spelt', () => {
    for (const spelt of [
      '2001:db8:1:2::1',
      '2001:0DB8:0001:0002:ffff:ffff:ffff:ffff',
      '2001:db8:1:2::192.0.2.1',
      '2001:db8:1:2:3::',
    ]) {
      assert.equal(address(undefined, 0, spelt), '2001:db8:1:2::/64', spelt)
    }
    assert.equal(address(undefined, 0, '2001:db8:1:3::1'), '2001:db8:1:3::/64')
    assert.equal(address(undefined, 0, 'fe80::1%eth0'), 'fe80:0:0:0::/64')
    assert.equal(address(undefined, 0, '::1'), '0:0:0:0::/64')
  })

  it('takes an IPv4 address out of its IPv6 coat', () => {
    for (const spelt of ['::ffff:203.0.113.9', '::FFFF:cb00:7109', '0:0:0:0:0:ffff:203.0.113.9']) {
      assert.equal(address(undefined, 0, spelt), '203.0.113.9', spelt)
    }
  })
})
