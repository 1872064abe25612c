// jose. Usage: jose.mjs ISSUER AUDIENCE SUBJECT default|strict, tokens on standard input, one a line.
import { createInterface } from 'node:readline'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const [issuer, audience, subject, mode] = process.argv.slice(2)
const discovery = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()
if (discovery.issuer !== issuer) throw new Error('the discovery document is another issuer\'s')
const keys = createRemoteJWKSet(new URL(discovery.jwks_uri), { timeoutDuration: 60_000 }) // 5 s are too few on a busy machine

const options = {
  default: {},
  strict: {
    issuer, audience, subject, typ: 'JWT', algorithms: ['RS256', 'ES256', 'EdDSA'],
    requiredClaims: ['exp', 'nbf', 'iat', 'sub', 'jti'],
  },
}[mode]

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const { payload } = await jwtVerify(line.trim(), keys, options)
    console.log('accepted', payload.sub)
  } catch (e) {
    console.log('refused', `${e.code ?? e.name}: ${e.message.split(/\s+/).join(' ')}`)
  }
}
