package delivery

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/workload"
)

func TestDelivered(t *testing.T) {
	t.Parallel()
	g := usual
	g.Files = []workload.File{{Path: "vault", Audience: "https://vault"}, {Path: "aws", Audience: awsAudience}}
	s := newStage(t, newMinter(t, g))
	_, end := s.start(`cd "$(dirname "$CONCOURSE_CI_JWT_FILE")"
		echo "$CONCOURSE_CI_JWT"; cat token; echo; cat issuer; echo; cat vault; echo; cat "$AWS_WEB_IDENTITY_TOKEN_FILE"; echo
		stat -c '%n %a' . *`)
	directory := s.delivered()
	lines := strings.Split(end(), "\n")
	tokens := s.minter.tokens()
	want := []string{tokens[0], tokens[0], issuerURL, tokens[1], tokens[2], ". 500", "api.sock 600", "aws 400", "issuer 400", "token 400", "vault 400", ""}
	if !slices.Equal(lines, want) {
		t.Errorf("the task sees %q; want %q", lines, want)
	}
	if len(tokens) != 3 {
		t.Errorf("%d tokens; want one for each file", len(tokens))
	}
	for i, audience := range []string{issuerURL, "https://vault", awsAudience} {
		if got := claimsOf(t, tokens[i]).Audience; !slices.Equal(got, []string{audience}) {
			t.Errorf("audience %q; want %q", got, audience)
		}
	}
	if _, err := os.Lstat(directory); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Wait: %v", err)
	}
	s.gone()
}

func TestVariables(t *testing.T) {
	t.Parallel()
	off, aws := usual, usual
	off.Env = false
	aws.Files = []workload.File{{Path: "aws", Audience: awsAudience}}
	for name, c := range map[string]struct {
		grant       workload.Grant
		environment []string
		want        string // variable by variable; T: the token, F: our file
	}{
		"usual":       {usual, nil, "T F/token -"},
		"env off":     {off, nil, "- F/token -"},
		"own":         {usual, []string{"CONCOURSE_CI_JWT=mine"}, "mine F/token -"},
		"own, empty":  {usual, []string{"CONCOURSE_CI_JWT="}, " F/token -"},
		"own file":    {usual, []string{"CONCOURSE_CI_JWT_FILE=/mine"}, "T /mine -"},
		"aws":         {aws, nil, "T F/token F/aws"},
		"own aws":     {aws, []string{"AWS_WEB_IDENTITY_TOKEN_FILE=/mine"}, "T F/token /mine"},
		"like ours":   {usual, []string{"CONCOURSE_CI_JWT_X=mine"}, "T F/token -"},
		"not enabled": {workload.Grant{Env: true, Audiences: usual.Audiences}, nil, "- - -"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, newMinter(t, c.grant))
			_, end := s.start(`printf '%s %s %s' "${CONCOURSE_CI_JWT--}" "${CONCOURSE_CI_JWT_FILE--}" "${AWS_WEB_IDENTITY_TOKEN_FILE--}"`, c.environment...)
			want := c.want
			if strings.Contains(want, "F") {
				want = strings.ReplaceAll(want, "F/", s.delivered()+"/")
			}
			if tokens := s.minter.tokens(); len(tokens) > 0 {
				want = strings.Replace(want, "T", tokens[0], 1)
			}
			if got := end(); got != want {
				t.Errorf("%q; want %q", got, want)
			}
			s.gone()
		})
	}
}

// TestDisabledLeavesNoTrace compares the Spec that the runtime gets with the one that was given.
func TestDisabledLeavesNoTrace(t *testing.T) {
	t.Parallel()
	m := newMinter(t, workload.Grant{})
	s := newStage(t, m)
	rec := &recorder{Runtime: s.Runtime.(*wrapped).Runtime}
	s.Runtime.(*wrapped).Runtime = rec
	p, err := s.Start(t.Context(), container.Spec{Path: "true", Env: []string{"A=b"}, Mounts: nil}, container.IO{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(m.tokens()) != 0 || len(rec.spec.Mounts) != 0 || !slices.Equal(rec.spec.Env, []string{"A=b"}) {
		t.Errorf("%d tokens, spec %+v", len(m.tokens()), rec.spec)
	}
	if _, err := os.Lstat(s.base); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the base directory: %v", err)
	}
}

// recorder keeps the Spec.
type recorder struct {
	container.Runtime
	spec container.Spec
}

func (r *recorder) Start(ctx context.Context, s container.Spec, io container.IO) (container.Process, error) {
	r.spec = s
	return r.Runtime.Start(ctx, s, io)
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	s := newStage(t, newMinter(t, usual))
	if _, err := s.Start(t.Context(), container.Spec{Path: "no-such-program"}, container.IO{}); err == nil {
		t.Error("it started")
	}
	s.gone()
	away := errors.New("the minter is away")
	s.minter.set(func() { s.minter.fail = away })
	_, err := s.Start(t.Context(), container.Spec{Name: "unit", Path: "true"}, container.IO{})
	if !errors.Is(err, away) || !strings.Contains(err.Error(), `start "unit"`) {
		t.Errorf("error %v", err)
	}
	s.gone()
	for _, path := range []string{"", ".", "..", "a/b", "/a", "token", "issuer", "api.sock", ".token", "twice"} {
		g := usual
		g.Files = []workload.File{{Path: "twice", Audience: "a"}, {Path: path, Audience: "b"}}
		s := newStage(t, newMinter(t, g))
		if _, err := s.Start(t.Context(), container.Spec{Path: "true"}, container.IO{}); err == nil || !strings.Contains(err.Error(), strconv.Quote(path)) {
			t.Errorf("file %q: %v", path, err)
		}
		s.gone()
	}
}

func TestAbortedLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, newMinter(t, usual))
	ctx, cancel := context.WithCancel(t.Context())
	p, end := s.start("trap '' TERM")
	cancel()
	if _, err := p.Wait(ctx); err == nil {
		t.Error("Wait says nothing of the ended context")
	}
	runtime.KeepAlive(end) // it holds the script's input open
	s.gone()
}

func TestReserved(t *testing.T) {
	t.Parallel()
	for path, reserved := range map[string]bool{
		"/run/writ": true, "/run/writ/": true, "/run/writ/x": true, "/run": true, "/": true, "//run//writ": true, "/run/./writ": true,
		"/run/x/../writ": true, "/x/../run": true, "/run/writ/..": true, "/..": true, "../../run/writ": true, "../../../..": true,
		"..": true, "../run": true, "a/../../run/writ/token": true, "/var/run": true, "/var/run/writ/x": true, "/run/writ/\n": true,
		"/run/writer": false, "/run/wri": false, "/runs": false, "run/writ": false, ".": false, "": false, "in": false, "in/../out": false,
		"/var": false, "/var/lib": false, "/var/running": false, "/tmp": false, "../x": false, "/run/writ/../x": false, "..run": false, "/RUN/WRIT": false,
	} {
		err := Reserved(path)
		var typed *ReservedError
		if (err != nil) != reserved || err != nil && (!errors.As(err, &typed) || typed.Path != path || !strings.Contains(err.Error(), strconv.Quote(path)) || typed.Hint() == "") {
			t.Errorf("%q: %v; want reserved %v", path, err, reserved)
		}
	}
	s := newStage(t, newMinter(t, usual))
	_, err := s.Start(t.Context(), container.Spec{Name: "unit", Path: "true", Mounts: []container.Mount{{Path: "/run", Host: "/tmp"}}}, container.IO{})
	var typed *ReservedError
	if !errors.As(err, &typed) {
		t.Errorf("error %v", err)
	}
	if tokens := s.minter.tokens(); len(tokens) != 0 {
		t.Error("a token was minted for it")
	}
}

func TestLongBase(t *testing.T) {
	t.Parallel()
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if _, err := newDirectory(Config{BaseDir: long}); err == nil || !strings.Contains(err.Error(), long) || !strings.Contains(err.Error(), strconv.Itoa(maxAddress-len("/d-4294967295/run/api.sock"))) {
		t.Errorf("error %v; want one that names the path and its limit", err)
	}
	if _, err := os.Lstat(long); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	s := newStage(t, newMinter(t, usual))
	if err := s.Sweep(t.Context()); err != nil {
		t.Errorf("without a base directory: %v", err)
	}
	_, end := s.start("")
	live := s.delivered()
	dead := filepath.Join(s.base, "d-1234", "run")
	if err := os.MkdirAll(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead, "token"), []byte("old"), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dead, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.base, "other"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.delivered() != live {
		t.Error("the live one is gone")
	}
	if _, err := os.Lstat(filepath.Dir(dead)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the dead one: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(s.base, "other")); err != nil {
		t.Errorf("somebody else's: %v", err)
	}
	end()
}

// TestHostile has a task do to its directory what a container's read-only mount would refuse, while the token is replaced.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"files removed":       `chmod 700 "$D"; rm -f "$D"/*`,
		"shut":                `chmod 000 "$D"`,
		"token a link":        `chmod 700 "$D"; ln -sf "$OUT/precious" "$D/token"`,
		"temporary a link":    `chmod 700 "$D"; ln -s "$OUT/precious" "$D/.token"`,
		"token a directory":   `chmod 700 "$D"; rm -f "$D/token"; mkdir -p "$D/token/sub"`,
		"temporary directory": `chmod 700 "$D"; mkdir -p "$D/.token/sub"`,
		"directory removed":   `chmod 700 "$D"; rm -rf "$D"`,
		"directory a link":    `mv "$D" "$D.old"; ln -s "$OUT" "$D"`,
		"moved away":          `mv "$D" "$AWAY/moved"; ln -s "$OUT" "$D"`,
		"scratch a link":      `mv "$D/.." "$AWAY/moved" 2>/dev/null || mv "$(dirname "$D")" "$AWAY/moved"; ln -s "$OUT" "$(dirname "$D")"`,
		"scratch shut":        `chmod 000 "$(dirname "$D")"`,
		"socket a file":       `chmod 700 "$D"; rm -f "$D/api.sock"; ln -s "$OUT/precious" "$D/api.sock"`,
		"much put in":         `chmod 700 "$D"; mkdir -p "$D/a/b/c"; : >"$D/a/b/c/d"; mkfifo "$D/p"; chmod 500 "$D/a/b"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMinter(t, usual)
			m.SetLife(time.Second)
			s := newStage(t, m)
			out, away := filepath.Join(shortTemp(t), "out"), shortTemp(t)
			if err := os.MkdirAll(filepath.Join(out, "run"), 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"precious", "token", "api.sock", "run/token", "run/api.sock"} {
				if err := os.WriteFile(filepath.Join(out, name), []byte("precious"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, end := s.start(`D=$(dirname "$CONCOURSE_CI_JWT_FILE"); `+script, "OUT="+out, "AWAY="+away)
			await(t, func() bool { return len(m.tokens()) > 1 }) // a refresh was tried
			end()
			s.minter.set(func() { s.minter.fail = errors.New("the run has ended") })
			for _, name := range []string{"precious", "token", "api.sock", "run/token", "run/api.sock"} {
				if data, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(data) != "precious" {
					t.Errorf("%s outside: %q, %v", name, data, err)
				}
			}
			tokens := m.tokens()
			_ = filepath.WalkDir(away, func(path string, entry fs.DirEntry, err error) error {
				if err == nil && entry.Type().IsRegular() {
					if data, _ := os.ReadFile(path); slices.Contains(tokens, string(data)) {
						t.Errorf("a token is left in %s", path)
					}
				}
				return nil
			})
			s.gone()
		})
	}
}
