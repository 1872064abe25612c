package issuer_test

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/workload"
)

// verifier is a relying party that caches the key set, and never looks again for an unknown kid.
type verifier struct {
	cache   time.Duration
	file    bool // reads the exported file
	keys    map[string]bool
	fetched time.Time // by true time
}

// issued is a token out there. It is forgotten when it has expired by the issuer's clock: that clock may be ahead of the
// verifiers', and be set back later, but nothing that the issuer can know speaks for the key then.
type issued struct {
	kid    string
	expiry time.Time
}

// TestNeverAnUnknownKid takes thousands of random steps: time passes, the issuer's clock is set back, the server is down
// and comes back, keys rotate by period and by hand, two processes sign, files are exported. A verifier that caches no
// longer than it may, behind a proxy that keeps the key set for max-age, always knows the kid of an unexpired token.
func TestNeverAnUnknownKid(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		rotation issuer.Rotation
		static   bool
	}{
		{"the defaults", issuer.Rotation{Period: issuer.DefaultPeriod}, false},
		{"the shortest period", issuer.Rotation{Period: 25*time.Hour + 5*time.Minute}, false},
		{"a long cache", issuer.Rotation{Period: 60 * time.Hour, Cache: 12 * time.Hour}, false},
		{"by hand alone", issuer.Rotation{Cache: time.Minute}, false},
		{"exported files", issuer.Rotation{Period: 30 * time.Hour}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			s := newSimulation(t, test.rotation, test.static, rand.New(rand.NewPCG(seed, 1)))
			for range 3000 {
				s.step()
			}
			if s.checked < 1000 || s.rotations < 10 {
				t.Errorf("%d tokens verified, %d rotations: too few to say anything", s.checked, s.rotations)
			}
			t.Logf("%d tokens verified, %d keys signed", s.checked, s.rotations)
		})
	}
}

type simulation struct {
	*house
	random *rand.Rand
	static bool
	real   time.Time     // what the verifiers' clocks say
	ahead  time.Duration // of the issuer's clock

	server    *issuer.KeyRing // nil: down
	command   *issuer.KeyRing
	file      map[string]bool // the exported key set
	proxy     map[string]bool // the key set as a proxy keeps it
	proxied   time.Time
	verifiers []*verifier
	tokens    []issued

	checked, rotations int
	last               string // kid that signed last
}

// ahead is how far the issuer's clock is ahead of the world's at first. It is set back in steps.
const ahead = 60 * time.Hour

func newSimulation(t *testing.T, r issuer.Rotation, static bool, random *rand.Rand) *simulation {
	h := newHouse(t, r)
	h.move(ahead)
	s := &simulation{house: h, random: random, static: static, real: h.now.Add(-ahead), ahead: ahead, server: h.open(), command: h.open()}
	cache := r.Cache
	if cache == 0 {
		cache = issuer.DefaultCache
	}
	for i := range 8 {
		s.verifiers = append(s.verifiers, &verifier{cache: cache * time.Duration(i) / 7, file: static && i%2 == 0})
	}
	h.sign(s.server, time.Hour)
	if static {
		s.export()
	}
	return s
}

func kids(r *issuer.KeyRing) map[string]bool {
	all := map[string]bool{}
	for _, k := range r.Set().Keys() {
		all[k.ID()] = true
	}
	return all
}

func (s *simulation) export() {
	s.t.Helper()
	if _, err := issuer.Export(filepath.Join(s.directory, "public"), issuerURL, s.command); err != nil {
		s.t.Fatal(err)
	}
	s.file = kids(s.command)
}

// step does one thing.
func (s *simulation) step() {
	s.t.Helper()
	switch n := s.random.IntN(100); {
	case n < 40: // time passes; now and then much
		most := []time.Duration{time.Minute, 20 * time.Minute, 3 * time.Hour, 40 * time.Hour}[min(s.random.IntN(16)/4, s.random.IntN(4))]
		passed := time.Duration(s.random.Int64N(int64(most/time.Second))+1) * time.Second
		s.move(passed)
		s.real = s.real.Add(passed)
		s.tokens = slices.DeleteFunc(s.tokens, func(one issued) bool { return !one.expiry.After(s.clock()) })
	case n < 55 && s.server != nil:
		s.tend(s.server)
	case n < 70 && s.server != nil:
		s.mint(s.server)
	case n < 75:
		s.mint(s.command)
	case n < 77:
		if _, err := s.command.Rotate(nil, false, false); err != nil {
			s.t.Fatal(err)
		}
	case n < 79: // down, with whatever it knew; or up again
		if s.server == nil {
			s.server = s.open()
		} else {
			s.server = nil
		}
	case n == 79:
		s.command = s.open()
	case n == 80 && s.random.IntN(2) == 0:
		back := min(s.ahead, time.Duration(s.random.Int64N(int64(8*time.Hour/time.Second)))*time.Second)
		s.move(-back)
		s.ahead -= back
	case n < 84 && s.static:
		s.export()
	default:
		for _, v := range s.verifiers {
			if s.random.IntN(2) == 0 {
				s.verify(v)
			}
		}
	}
}

// mint signs a token, of a life up to 24 h.
func (s *simulation) mint(r *issuer.KeyRing) {
	life := time.Duration(s.random.Int64N(int64(workload.MaxLife/time.Second))+1) * time.Second
	if s.random.IntN(2) == 0 {
		life = time.Hour
	}
	kid := s.sign(r, life)
	if kid != s.last {
		s.rotations, s.last = s.rotations+1, kid
	}
	s.tokens = append(s.tokens, issued{kid, s.clock().Add(life)})
	if len(s.tokens) > 200 {
		s.tokens = s.tokens[100:]
	}
}

// verify has a relying party look at every token that is out.
func (s *simulation) verify(v *verifier) {
	s.t.Helper()
	if v.keys == nil || s.real.Sub(v.fetched) >= v.cache {
		switch {
		case v.file:
			v.keys = s.file
		case s.proxy != nil && s.real.Sub(s.proxied) < 300*time.Second:
			v.keys = s.proxy
		case s.server == nil:
			return // it cannot verify anything now
		default:
			s.proxy, s.proxied = kids(s.server), s.real
			v.keys = s.proxy
		}
		v.fetched = s.real
	}
	for _, one := range s.tokens {
		if s.real.Before(one.expiry) {
			s.checked++
			if !v.keys[one.kid] {
				s.t.Fatalf("a verifier (cache %s, file %v, keys from %s ago) does not know kid %s of a token that expires in %s",
					v.cache, v.file, s.real.Sub(v.fetched), one.kid, one.expiry.Sub(s.real))
			}
		}
	}
}
