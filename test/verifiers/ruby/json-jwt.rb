# json-jwt. Usage: json-jwt.rb ISSUER AUDIENCE SUBJECT default|strict, tokens on standard input, one a line.
require 'net/http'
require 'json/jwt'

issuer, audience, subject, mode = ARGV
discovery = JSON.parse(Net::HTTP.get(URI("#{issuer}/.well-known/openid-configuration")))
raise 'the discovery document is another issuer\'s' unless discovery['issuer'] == issuer

keys = JSON::JWK::Set.new(JSON.parse(Net::HTTP.get(URI(discovery['jwks_uri']))))

# The library checks the signature; claims are the caller's.
check = lambda do |token|
  now = Time.now.to_i
  raise 'another issuer' unless token['iss'] == issuer
  raise 'another subject' unless token['sub'] == subject
  raise 'another audience' unless Array(token['aud']).include?(audience)
  raise 'expired' unless token['exp'].is_a?(Integer) && now < token['exp']
  raise 'not yet valid' unless token['nbf'].is_a?(Integer) && now >= token['nbf']
  raise 'the header has another typ, or crit' if token.header.fetch('typ', 'JWT') != 'JWT' || token.header.key?('crit')
end

$stdin.each_line do |line|
  if mode == 'strict'
    token = JSON::JWT.decode(line.strip, keys, %i[RS256 ES256])
    check.call(token)
  else
    token = JSON::JWT.decode(line.strip, keys)
  end
  puts "accepted #{token['sub']}"
rescue ScriptError, StandardError => e
  puts "refused #{e.class}: #{e.message.split.join(' ')}"
end
