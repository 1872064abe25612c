package listen

import (
	"net"
	"net/netip"
	"sync"
)

// Peers bounds the connections that each peer address has open at once; IPv6 addresses count by their /64. What comes beyond
// is closed before anything is read of it.
type Peers struct {
	mu      sync.Mutex
	open    map[netip.Prefix]int
	refused uint64
}

// NewPeers returns one that has seen nobody.
func NewPeers() *Peers { return &Peers{open: map[netip.Prefix]int{}} }

// Limit is a listener on which a peer has as many connections as most says of its address; 0: as many as it likes. Listeners
// of the same Peers count together.
func (p *Peers) Limit(l net.Listener, most func(remote string) int) net.Listener {
	return peersListener{l, p, most}
}

// Refused is how many connections were closed.
func (p *Peers) Refused() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused
}

// take counts one more connection, unless there are as many already.
func (p *Peers) take(of netip.Prefix, most int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if most > 0 && p.open[of] >= most {
		p.refused++
		return false
	}
	p.open[of]++
	return true
}

func (p *Peers) release(of netip.Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[of]--; p.open[of] == 0 {
		delete(p.open, of)
	}
}

type peersListener struct {
	net.Listener
	peers *Peers
	most  func(remote string) int
}

func (l peersListener) Accept() (net.Conn, error) {
	for {
		connection, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		remote := connection.RemoteAddr().String()
		of := peer(remote)
		if l.peers.take(of, l.most(remote)) {
			return &counted{Conn: connection, release: sync.OnceFunc(func() { l.peers.release(of) })}, nil
		}
		connection.Close()
	}
}

// counted is a connection that counts until it is closed.
type counted struct {
	net.Conn
	release func()
}

func (c *counted) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}
