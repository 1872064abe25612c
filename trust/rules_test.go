package trust

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/workload"
)

// atoms of rules, over claims that are always there, sometimes there, and members.
var atoms = []string{
	`team == "main"`, `team != "x"`, `team startsWith "ma"`, `team in ["main", "other"]`, `team matches "ma.*|x-team"`, `pipeline == "web"`,
	`pipeline contains "e"`, `job == "release"`, `job matches "rel(ease)?"`, `"web" == pipeline`, `runtime == "oci"`, `runtime != "process"`,
	`not privileged`, `privileged == false`, `privileged`, `teamid == 1`, `1 < buildid`, `attempt <= 2`, `has("runtime")`, `has("instance_vars.env")`,
	`instance_vars.env == "prod"`, `instance_vars["a-b"] in ["x", "y*"]`, `"sts.amazonaws.com" in aud`, `"b" in aud`, `iss == "https://ci.example.com"`,
	`sub == "main/web"`, `sub == "main/api"`, `sub startsWith "main/"`, `team == "other"`, `sub in ["main/web", "main/api"]`, `sub matches "main/(web|api)"`, `true`, `false`,
	`len(aud) == 1`, `any(aud, # == "a")`, `lower(team) == "main"`, `team == pipeline`, `job == "a*b?c"`, `team == "${x}%{y}'\""`,
}

// TestNoHoles: whatever the rule, each party either names what it cannot check, or admits nobody whom the rule refuses.
func TestNoHoles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var rule func(depth int) string
	rule = func(depth int) string {
		switch n := random.IntN(8); {
		case depth == 0 || n < 3:
			return atoms[random.IntN(len(atoms))]
		case n < 5:
			return rule(depth-1) + " && " + rule(depth-1)
		case n < 7:
			return "(" + rule(depth-1) + " || " + rule(depth-1) + ")"
		default:
			return "not (" + rule(depth-1) + ")"
		}
	}
	planned, refused, accepted := map[string]int{}, map[string]int{}, map[string]int{}
	now := time.Unix(1_800_000_000, 0)
	for i := range 500 {
		wish := Wish{
			Issuer: "https://ci.example.com", Audience: "sts.amazonaws.com", Role: "web", Mount: "jwt", Policies: []string{"p"}, Location: "/", Rule: rule(2),
			Account: "123456789012", Project: "1", Pool: "writ", ServiceAccount: "a@p.iam.gserviceaccount.com", Application: "11111111-2222-3333-4444-555555555555",
		}
		if i%3 == 0 {
			wish.Run = workload.Subject{Team: "main", Pipeline: "web"}
		}
		for _, p := range Parties() {
			w := wish
			if p.Name() == "aws" {
				w.Policies = nil
			}
			plan, err := p.Plan(w)
			if err != nil {
				var untranslatable *UntranslatableError
				if !errors.As(err, &untranslatable) {
					t.Errorf("%s, %s: %v", p.Name(), w.Rule, err)
				}
				refused[p.Name()]++
				continue
			}
			planned[p.Name()]++
			claims, err := plan.Claims(now, nil)
			if err != nil {
				if !strings.Contains(err.Error(), "subject") {
					t.Errorf("%s, %s: %v", p.Name(), w.Rule, err)
				}
				continue
			}
			sample := Sample{Algorithm: "RS256", Bytes: 900, Claims: claims, Now: now}
			intent, err := plan.intent()
			if err != nil {
				t.Fatal(err)
			}
			admitted := len(plan.Judge(sample).Failed()) == 0
			if admitted && !intent(claims) {
				t.Errorf("%s admits a sample that the rule %s refuses: %v", p.Name(), w.Rule, claims)
			}
			if admitted {
				accepted[p.Name()]++
			}
			others, err := plan.Others(sample)
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range others {
				if other.Admitted && !other.Meant {
					t.Errorf("%s, %s: %s gets in", p.Name(), w.Rule, other.Who)
				}
			}
		}
	}
	for _, p := range Parties() {
		if planned[p.Name()] < 10 || accepted[p.Name()] < 5 || refused[p.Name()] < 20 {
			t.Errorf("%s: %d planned, %d refused, %d samples accepted: the test says little", p.Name(), planned[p.Name()], refused[p.Name()], accepted[p.Name()])
		}
	}
	t.Logf("planned %v, refused %v, samples accepted %v", planned, refused, accepted)
}

// TestEveryConditionCounts: two conditions on one claim are both kept, or one is refused by name; none takes the place
// of the other.
func TestEveryConditionCounts(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for _, rule := range []string{
		`sub == "main/web" && sub == "main/api"`, `sub == "main/web" && sub startsWith "other/"`, `team == "main" && team == "other"`,
		`pipeline == "web" && pipeline matches "a.*"`, `sub == "main/web" && pipeline == "api"`, `false`,
	} {
		for _, p := range Parties() {
			plan, err := p.Plan(Wish{
				Issuer: "https://ci.example.com", Audience: "sts.amazonaws.com", Role: "web", Mount: "jwt", Location: "/", Rule: rule,
				Policies: map[string][]string{"vault": {"p"}}[p.Name()],
				Account:  "123456789012", Project: "1", Pool: "writ", ServiceAccount: "a@p.iam.gserviceaccount.com", Application: "11111111-2222-3333-4444-555555555555",
			})
			if err != nil {
				var untranslatable *UntranslatableError
				if !errors.As(err, &untranslatable) {
					t.Errorf("%s, %s: %v", p.Name(), rule, err)
				}
				continue
			}
			for _, names := range [][2]string{{"main", "web"}, {"main", "api"}, {"other", "web"}, {"other", "api"}} {
				claims, err := plan.Claims(now, map[string]any{"team": names[0], "pipeline": names[1], "sub": names[0] + "/" + names[1]})
				if err != nil {
					t.Fatal(err)
				}
				if report := plan.Judge(Sample{Algorithm: "RS256", Bytes: 900, Claims: claims, Now: now}); len(report.Failed()) == 0 {
					t.Errorf("%s, %s: %v gets in", p.Name(), rule, names)
				}
			}
		}
	}
	if _, err := (vault{}).Plan(Wish{
		Issuer: "https://ci.example.com", Audience: "a", Role: "web", Mount: "jwt", Policies: []string{"p"},
		Run: workload.Subject{Team: "main", Pipeline: "web", InstanceVars: map[string]any{"n": 1}},
	}); err == nil || !strings.Contains(err.Error(), `instance var "n" is a int`) {
		t.Errorf("an instance var that is no text: %v", err)
	}
}
