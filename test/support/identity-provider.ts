/** An identity provider as far as we see it: a URL with its public keys, and tokens that it signs. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTPayload,
} from 'jose'

export interface IdentityProvider extends AsyncDisposable {
  readonly url: string
  /** What is published; a test may add and remove. */
  readonly keys: JWK[]
  /** How often it was asked. */
  readonly asked: number
  /** Its answer from now on; undefined: the keys. */
  fails: { readonly status: number; readonly body: string } | undefined
  /** Publishes a new key. */
  addKey(kid: string, alg?: string): Promise<void>
  sign(kid: string, claims: JWTPayload, header?: Readonly<Record<string, unknown>>): Promise<string>
}

export async function startIdentityProvider(): Promise<IdentityProvider> {
  const keys: JWK[] = []
  const signers = new Map<string, { readonly key: CryptoKey; readonly alg: string }>()
  let asked = 0
  const server = createServer((_, response) => {
    asked++
    const { status, body } = provider.fails ?? { status: 200, body: JSON.stringify({ keys }) }
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const provider: IdentityProvider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    keys,
    get asked() {
      return asked
    },
    fails: undefined,
    async addKey(kid, alg = 'RS256') {
      const { publicKey, privateKey } = await generateKeyPair(alg)
      signers.set(kid, { key: privateKey, alg })
      keys.push({ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' })
    },
    sign(kid, claims, header = {}) {
      const signer = signers.get(kid)
      if (signer === undefined) throw new Error(`no key is called ${kid}`)
      const protectedHeader = { alg: signer.alg, kid, typ: 'JWT', ...header }
      return new SignJWT(claims).setProtectedHeader(protectedHeader).sign(signer.key)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return provider
}
