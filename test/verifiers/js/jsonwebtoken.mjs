// jsonwebtoken, with the keys from jwks-rsa. Usage: jsonwebtoken.mjs ISSUER AUDIENCE SUBJECT default|strict, tokens on
// standard input, one a line.
import { createInterface } from 'node:readline'
import jwt from 'jsonwebtoken'
import jwksClient from 'jwks-rsa'

const [issuer, audience, subject, mode] = process.argv.slice(2)
const discovery = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()
if (discovery.issuer !== issuer) throw new Error('the discovery document is another issuer\'s')
const client = jwksClient({ jwksUri: discovery.jwks_uri })
const key = (header, done) => client.getSigningKey(header.kid).then((k) => done(null, k.getPublicKey()), done)

const options = {
  default: { complete: true },
  strict: { complete: true, issuer, audience, subject, algorithms: ['RS256', 'ES256'] },
}[mode]
const verify = (raw) => new Promise((resolve, reject) => {
  jwt.verify(raw, key, options, (err, token) => (err ? reject(err) : resolve(token)))
})

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const { header, payload } = await verify(line.trim())
    if (mode === 'strict') {
      if ((header.typ ?? 'JWT') !== 'JWT' || 'crit' in header) throw new Error('the header has another typ, or crit')
      if (!['exp', 'nbf', 'iat', 'sub', 'jti'].every((name) => name in payload)) throw new Error('a claim is missing')
    }
    console.log('accepted', payload.sub)
  } catch (e) {
    console.log('refused', `${e.name}: ${e.message.split(/\s+/).join(' ')}`)
  }
}
