# ruby-jwt. Usage: jwt.rb ISSUER AUDIENCE SUBJECT default|strict, tokens on standard input, one a line.
require 'json'
require 'net/http'
require 'jwt'

issuer, audience, subject, mode = ARGV
discovery = JSON.parse(Net::HTTP.get(URI("#{issuer}/.well-known/openid-configuration")))
raise 'the discovery document is another issuer\'s' unless discovery['issuer'] == issuer

cached = nil
keys = lambda do |options|
  cached = nil if options[:kid_not_found]
  cached ||= JSON.parse(Net::HTTP.get(URI(discovery['jwks_uri'])))
end

options = { algorithms: %w[RS256 ES256 EdDSA], jwks: keys }
if mode == 'strict'
  options.merge!(iss: issuer, verify_iss: true, aud: audience, verify_aud: true, sub: subject, verify_sub: true, verify_iat: true,
                 required_claims: %w[exp nbf iat sub jti])
end

$stdin.each_line do |line|
  claims, header = JWT.decode(line.strip, nil, true, options)
  if mode == 'strict' && (header.fetch('typ', 'JWT') != 'JWT' || header.key?('crit'))
    raise JWT::DecodeError, 'the header has another typ, or crit'
  end
  puts "accepted #{claims['sub']}"
rescue ScriptError, StandardError => e
  puts "refused #{e.class}: #{e.message.split.join(' ')}"
end
