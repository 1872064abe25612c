package config

import (
	"fmt"

	"github.com/writ-run/writ/internal/period"
	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
)

// Issuer says how identities are made.
type Issuer struct {
	URL            string        // empty: http:// and the listening address
	IdentityFile   string        // age identity that private keys are encrypted to
	Algorithm      key.Algorithm // of tokens that ask for none
	Identity       []issuer.Rule // what is granted to which runs
	IntrospectRate float64       // introspections a second for each peer address; 0: the issuer's default
	Rotation       Rotation
}

// Rotation says how keys follow one another, in durations like 7d, 36h or 90m.
type Rotation struct {
	Period string // how long a key signs; 0: until it is rotated by hand
	Cache  string // how long relying parties may keep the key set
}

// Parse reads and checks the durations; its error begins with the key.
func (r Rotation) Parse() (issuer.Rotation, error) {
	every, err := period.Parse(r.Period)
	if err != nil {
		return issuer.Rotation{}, fmt.Errorf("issuer.rotation.period: %w", err)
	}
	cache, err := period.Parse(r.Cache)
	if err == nil && cache <= 0 {
		err = fmt.Errorf("%q is not longer than 0", r.Cache)
	}
	if err != nil {
		return issuer.Rotation{}, fmt.Errorf("issuer.rotation.cache: %w", err)
	}
	parsed := issuer.Rotation{Period: every, Cache: cache}
	return parsed, parsed.Validate()
}

// Server says where the issuer is and where it keeps what it keeps.
type Server struct {
	Listen      string  // HOST:PORT of HTTP
	Data        string  // directory of keys and ids
	Socket      string  // Unix socket at which runs register
	SocketAllow []Allow // who beside the server's own user may register runs
	TLSCert     string  // file of the certificate, with its chain (PEM); empty: plain http
	TLSKey      string  // file of its private key (PEM)
	Orders      string  // directory of orders that agents pull; empty: none are served
}

// Allow lets the processes of a user register runs of teams.
type Allow struct {
	UID   *uint32  `json:"uid"`
	Teams []string `json:"teams,omitzero"` // empty: every team
}

// Container says how tasks run.
type Container struct {
	Runtime string // auto, process or oci; empty: not said
	Command string // the OCI runtime; empty: the first of runc, crun and youki
	Network string // of containers: pasta or host; empty: pasta where it works

	ImageCache         string            // directory of unpacked images
	ImageCacheBytes    int64             // at most, of layers that no run uses; 0: 20 GiB
	RegistryMirrors    map[string]string // registry host -> host that is asked first
	InsecureRegistries []string          // hosts that may speak plain HTTP or have an unknown certificate
}
