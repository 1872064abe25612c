package listen

import (
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks whose X-Forwarded-For counts. Whoever else sends one is not listened to: it would say who is
// asking, and so evade a limit.
type Proxies []netip.Prefix

// Peer is the address of who made a request: of the connection, or, where that is a trusted proxy, the last address of
// X-Forwarded-For that is none. What stands before that one was written by strangers.
func (p Proxies) Peer(r *http.Request) string {
	peer, ok := address(r.RemoteAddr)
	if !ok || !p.trust(peer) {
		return r.RemoteAddr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := address(strings.TrimSpace(hops[i]))
		if !ok {
			break // the proxy before it does not say who asked: it counts itself
		}
		peer = hop
		if !p.trust(peer) {
			break
		}
	}
	return peer.String()
}

// Trust is true for the address of a connection, with a port or without, that is a trusted proxy's.
func (p Proxies) Trust(remote string) bool {
	a, ok := address(remote)
	return ok && p.trust(a)
}

func (p Proxies) trust(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// address reads an address, with or without a port and brackets.
func address(text string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}
