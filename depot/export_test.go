package depot

import "time"

// Stop has its clock stand.
func (d *Depot) Stop(at time.Time) { d.now = func() time.Time { return at } }

// Ahead moves the clock.
func (d *Depot) Ahead(by time.Duration) { d.now = func() time.Time { return time.Now().Add(by) } }

// Known is how many orders are known.
func (d *Depot) Known() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.known)
}

// Plain is what is read of a plain request.
func Plain(text []byte) (path, etag string, plain bool) {
	q, plain := parse(text)
	return string(q.path), string(q.etag), plain
}
