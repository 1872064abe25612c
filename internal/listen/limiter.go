package listen

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxPeers bounds the addresses that the limiter remembers.
const maxPeers = 8192

// Limiter bounds the requests of each peer address; IPv6 addresses count by their /64.
type Limiter struct {
	rate  rate.Limit
	burst int
	now   func() time.Time

	mu    sync.Mutex
	peers map[netip.Prefix]*rate.Limiter
}

// NewLimiter returns one that lets each peer ask so often a second, and after a rest burst times at once.
func NewLimiter(perSecond float64, burst int, now func() time.Time) *Limiter {
	return &Limiter{rate: rate.Limit(perSecond), burst: burst, now: now, peers: map[netip.Prefix]*rate.Limiter{}}
}

// Wait is how long a peer, an address with a port or without, must wait; 0: not at all.
func (l *Limiter) Wait(remote string) time.Duration {
	now := l.now()
	reservation := l.of(peer(remote), now).ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay > 0 {
		reservation.CancelAt(now)
	}
	return delay
}

func (l *Limiter) of(p netip.Prefix, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.peers[p]; known != nil {
		return known
	}
	if len(l.peers) >= maxPeers {
		l.forget(now)
	}
	made := rate.NewLimiter(l.rate, l.burst)
	l.peers[p] = made
	return made
}

// forget makes room for an eighth of all peers, so that the next ones need not go through all again.
func (l *Limiter) forget(now time.Time) {
	for other, bucket := range l.peers { // a full bucket is as good as a new one
		if bucket.TokensAt(now) >= float64(l.burst) {
			delete(l.peers, other)
		}
	}
	for other := range l.peers { // under attack from many addresses, some are forgotten
		if len(l.peers) <= maxPeers-maxPeers/8 {
			break
		}
		delete(l.peers, other)
	}
}

// peer is the network that counts as one peer.
func peer(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 32
	if address = address.Unmap().WithZone(""); address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
