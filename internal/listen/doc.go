// Package listen is what the servers that strangers can reach have in common: bounds of time and size, a certificate that
// may be renewed while they run, and a limit on how often each peer may ask.
//
// Invariant: what a peer makes a server keep is bounded, and so is the number of peers that it remembers.
//
//	connection ─Bounds─▶ handshake ─Pair─▶ request ─Proxies─▶ its peer ─Limiter─▶ handler
package listen
