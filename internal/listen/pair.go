package listen

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Pair is a certificate with its key, in two files that are read anew when either changes: certificates are short-lived,
// and a server that has to be restarted for one loses what it is doing.
//
//	handshake -> a file has changed? -> load -> it does not fit: keep the last one, log once for each change
type Pair struct {
	certificate, key string // paths
	log              *slog.Logger

	mu     sync.Mutex
	seen   [2]stamp // of the files that were read last
	loaded *tls.Certificate
}

// OpenPair reads the two files (PEM; the certificate with its chain).
func OpenPair(certificate, key string, log *slog.Logger) (*Pair, error) {
	p := &Pair{certificate: certificate, key: key, log: log}
	if err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

// stamp tells a file from what it was: replacing it changes the inode, writing to it time or size.
type stamp struct {
	modified time.Time
	size     int64
	file     os.FileInfo
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size(), info}
}

func (s stamp) same(other stamp) bool {
	if s.file == nil || other.file == nil {
		return s.file == nil && other.file == nil
	}
	return s.modified.Equal(other.modified) && s.size == other.size && os.SameFile(s.file, other.file)
}

// load reads both files. The stamps are taken first, so that a change while they are read is seen the next time.
func (p *Pair) load() error {
	p.seen = [2]stamp{stampOf(p.certificate), stampOf(p.key)}
	loaded, err := tls.LoadX509KeyPair(p.certificate, p.key)
	if err != nil {
		return err
	}
	p.loaded = &loaded
	return nil
}

// Get is for tls.Config.GetCertificate.
func (p *Pair) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := [2]stamp{stampOf(p.certificate), stampOf(p.key)}; now[0].same(p.seen[0]) && now[1].same(p.seen[1]) {
		return p.loaded, nil
	}
	if err := p.load(); err != nil {
		p.log.Error("the changed certificate is not used; the last one is kept", "certificate", p.certificate, "key", p.key, "error", err)
		return p.loaded, nil
	}
	p.log.Info("the changed certificate is used", "certificate", p.certificate)
	return p.loaded, nil
}
