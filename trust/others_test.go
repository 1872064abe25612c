package trust

import (
	"testing"
	"time"

	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// TestHole: a party that admits everybody is caught, and so is one that looks at sub without saying its scope.
func TestHole(t *testing.T) {
	t.Parallel()
	everybody := func(Sample) token.Report { return nil }
	prefix := func(s Sample) token.Report {
		j := &judge{sample: s}
		j.check("sub", "main/w*", j.text("sub"), globMatch("main/w"+star, j.text("sub")))
		return j.report
	}
	for _, test := range []struct {
		name        string
		judge       func(Sample) token.Report
		holes, good []string
	}{
		{"everybody", everybody, []string{anotherTeam, "another pipeline of team main", "a token for another audience", "a token that expired an hour ago", "a token of another issuer with the same keys"}, []string{"another job of the pipeline"}},
		{"prefix", prefix, []string{"another pipeline of team main", "a token that expired an hour ago"}, []string{anotherTeam, "another job of the pipeline"}},
	} {
		p := &Plan{Audience: "a", Scope: workload.ScopePipeline, wish: Wish{Issuer: "https://i.example", Audience: "a", Run: workload.Subject{Team: "main", Pipeline: "web"}}, judge: test.judge}
		now := time.Unix(1_800_000_000, 0)
		claims, err := p.Claims(now, nil)
		if err != nil {
			t.Fatal(err)
		}
		others, err := p.Others(Sample{Algorithm: "RS256", Claims: claims, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		hole := map[string]bool{}
		for _, other := range others {
			hole[other.Who] = other.Admitted && !other.Meant
		}
		for _, who := range test.holes {
			if !hole[who] {
				t.Errorf("%s: %s is no hole", test.name, who)
			}
		}
		for _, who := range test.good {
			if hole[who] {
				t.Errorf("%s: %s is a hole", test.name, who)
			}
		}
	}
}
