# Crypt::JWT. Usage: crypt-jwt.pl ISSUER AUDIENCE SUBJECT default|strict, tokens on standard input, one a line.
use strict;
use warnings;
use Crypt::JWT qw(decode_jwt);
use HTTP::Tiny;
use JSON::PP qw(decode_json);

my ($issuer, $audience, $subject, $mode) = @ARGV;
$| = 1;

sub fetch {
    my $answer = HTTP::Tiny->new->get(shift);
    die "$answer->{status} $answer->{reason}\n" unless $answer->{success};
    return decode_json($answer->{content});
}
my $discovery = fetch("$issuer/.well-known/openid-configuration");
die "the discovery document is another issuer's\n" unless $discovery->{issuer} eq $issuer;
my $keys = fetch($discovery->{jwks_uri});

my %options = (kid_keys => $keys, decode_payload => 1);
if ($mode eq 'strict') {
    %options = (
        %options,
        accepted_alg => ['RS256', 'ES256', 'EdDSA'],
        verify_iss => $issuer, verify_sub => $subject,
        verify_aud => sub { grep { $_ eq $audience } ref $_[0] ? @{ $_[0] } : $_[0] },
        verify_exp => 1, verify_nbf => 1, verify_iat => 1,
    );
}

while (my $line = <STDIN>) {
    chomp $line;
    my $accepted = eval {
        my ($header, $claims) = decode_jwt(token => $line, decode_header => 1, %options);
        if ($mode eq 'strict') {
            die "the header has another typ, or crit\n" if ($header->{typ} // 'JWT') ne 'JWT' || exists $header->{crit};
        }
        $claims->{sub};
    };
    if (defined $accepted) {
        print "accepted $accepted\n";
        next;
    }
    my $reason = $@;
    $reason =~ s/ at \S+ line \d+\.?//;
    print "refused ", join(' ', split ' ', $reason), "\n";
}
