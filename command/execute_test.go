package command_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
)

// file is what a Command has written.
func (m *machine) file(name string) string {
	m.t.Helper()
	data, err := os.ReadFile(filepath.Join(m.dir, name))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data)
}

// TestVariables has each Command write down what it sees of those before it.
func TestVariables(t *testing.T) {
	t.Parallel()
	const show = `env | grep -E '^(A|B|G|H)?(_(CHECK|CHANGE|REMOVE)(_OUT)?)?=' | sort | tr '\\n' ' ' >>seen; echo >>seen`
	for name, c := range map[string]struct {
		list   string
		mode   command.Mode
		want   []string
		failed bool
	}{
		"a prefix": {`[
			{"id":"a","envPrefix":"A","check":"echo ' looked '; exit 3","change":"SHOW; echo made >&2"},
			{"id":"b","envPrefix":"B","check":"echo fine","change":"false"},
			{"id":"c","always":true,"change":"SHOW"}]`, command.Change, []string{
			"A=looked A_CHECK=1 A_CHECK_OUT=looked",
			"A=looked A_CHANGE=0 A_CHANGE_OUT=made A_CHECK=1 A_CHECK_OUT=looked B=fine B_CHECK=0 B_CHECK_OUT=fine"}, false},
		"no prefix: the one before": {`[
			{"id":"a","check":"echo looked; false","change":"echo made","onChange":"c"},
			{"id":"b","envPrefix":"B","always":true,"change":"SHOW; echo x"},
			{"id":"c","change":"SHOW; echo y"},
			{"id":"d","check":"SHOW; echo z; false","change":"SHOW"},
			{"id":"e"},
			{"id":"f","always":true,"change":"SHOW"}]`, command.Change, []string{
			"_CHANGE=0 _CHANGE_OUT=made _CHECK=1 _CHECK_OUT=looked",
			"B_CHANGE=0 B_CHANGE_OUT=x B_CHECK=0 _CHANGE=0 _CHANGE_OUT=made _CHECK=1 _CHECK_OUT=looked",
			"B_CHANGE=0 B_CHANGE_OUT=x B_CHECK=0 _CHANGE=0 _CHANGE_OUT=y _CHECK=0",
			"B_CHANGE=0 B_CHANGE_OUT=x B_CHECK=0 _CHANGE=0 _CHANGE_OUT=y _CHECK=1 _CHECK_OUT=z",
			"B_CHANGE=0 B_CHANGE_OUT=x B_CHECK=0 _CHECK=0"}, false},
		"always keeps its check from running": {`[
			{"id":"a","envPrefix":"A","always":true,"check":"echo looked","change":"echo made"},{"id":"b","always":true,"change":"SHOW"}]`, command.Change, []string{
			"A_CHANGE=0 A_CHANGE_OUT=made"}, false},
		"a prefix that is used again": {`[
			{"id":"a","envPrefix":"A","check":"echo looked"},{"id":"b","envPrefix":"A","always":true,"check":"true","change":"echo made"},
			{"id":"c","always":true,"change":"SHOW"}]`, command.Change, []string{
			"A_CHANGE=0 A_CHANGE_OUT=made"}, false},
		"a failure": {`[
			{"id":"a","envPrefix":"A","always":true,"change":"echo broken; exit 5","onFail":"b"},{"id":"b","change":"SHOW"}]`, command.Change, []string{
			"A_CHANGE=1 A_CHANGE_OUT=broken A_CHECK=0"}, true},
		"the same prefix again": {`[
			{"id":"a","envPrefix":"A","check":"echo one; false","change":"echo made"},{"id":"b","envPrefix":"A","check":"echo two"},{"id":"c","always":true,"change":"SHOW"}]`, command.Change, []string{
			"A=two A_CHECK=0 A_CHECK_OUT=two"}, false},
		"remove": {`[
			{"id":"b","check":"SHOW; true","remove":"SHOW"},{"id":"a","envPrefix":"A","check":"echo there","remove":"echo gone"}]`, command.Remove, []string{
			"A=there A_CHECK=0 A_CHECK_OUT=there A_REMOVE=0 A_REMOVE_OUT=gone",
			"A=there A_CHECK=0 A_CHECK_OUT=there A_REMOVE=0 A_REMOVE_OUT=gone _CHECK=0 _CHECK_OUT="}, false},
		"check": {`[
			{"id":"a","envPrefix":"A","check":"echo there; false"},{"id":"b","check":"SHOW"}]`, command.Check, []string{
			"A=there A_CHECK=1 A_CHECK_OUT=there"}, false},
		"groups": {`[
			{"id":"a","envPrefix":"A","check":"echo outer"},
			{"id":"g","commands":[{"id":"b","always":true,"change":"SHOW; echo b"},{"id":"c","envPrefix":"G","check":"echo inner"},{"id":"d","envPrefix":"A","check":"echo changed"},{"id":"e","always":true,"change":"SHOW"}]},
			{"id":"h","commands":[{"id":"f","always":true,"change":"SHOW"},{"id":"i","commands":[{"id":"j","envPrefix":"H","check":"echo deep"},{"id":"k","always":true,"change":"SHOW"}]},{"id":"l","always":true,"change":"SHOW"}]},
			{"id":"m","always":true,"change":"SHOW"}]`, command.Change, []string{
			"A=outer A_CHECK=0 A_CHECK_OUT=outer",
			"A=changed A_CHECK=0 A_CHECK_OUT=changed G=inner G_CHECK=0 G_CHECK_OUT=inner _CHANGE=0 _CHANGE_OUT=b _CHECK=0",
			"A=outer A_CHECK=0 A_CHECK_OUT=outer",
			"A=outer A_CHECK=0 A_CHECK_OUT=outer H=deep H_CHECK=0 H_CHECK_OUT=deep _CHANGE=0 _CHANGE_OUT= _CHECK=0",
			"A=outer A_CHECK=0 A_CHECK_OUT=outer _CHANGE=0 _CHANGE_OUT= _CHECK=0",
			"A=outer A_CHECK=0 A_CHECK_OUT=outer"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			_, _, err := m.run(nil, read(t, strings.ReplaceAll(c.list, "SHOW", show)), c.mode)
			if (err != nil) != c.failed {
				t.Error(err)
			}
			var got []string
			for line := range strings.Lines(m.file("seen")) {
				got = append(got, strings.TrimSpace(line))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
			}
		})
	}
}

// TestExec runs one Command each with an Exec of its own.
func TestExec(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		outer  func(e *command.Exec)
		fields string // of the Command
		want   string // its output
		fails  string
	}{
		"the inherited one":         {func(e *command.Exec) { e.Env = map[string]string{"PAT": "x"} }, `"change":"echo $PAT ${INHERITED} ${ETCHA_EVENT_NAME}"`, "x yes name\n", ""},
		"its own and nothing else":  {func(e *command.Exec) { e.Env = map[string]string{"PAT": "x"} }, `"exec":{"command":"/bin/sh -c","env":{"CMD":"y"}},"change":"echo ${PAT-unset} $CMD ${HOME-unset} ${INHERITED-unset} $ETCHA_EVENT_NAME"`, "unset y unset unset name\n", ""},
		"not allowed":               {func(e *command.Exec) { e.AllowOverride = false }, `"exec":{"command":"/bin/false"},"change":"echo outer"`, "outer\n", ""},
		"its variables win":         {nil, `"exec":{"command":"/bin/sh -c","envInherit":true,"env":{"INHERITED":"no"}},"change":"echo $INHERITED"`, "no\n", ""},
		"bash stops at a failure":   {nil, `"change":"false | true; echo never"`, "", "exit status 1"},
		"no command":                {nil, `"exec":{"env":{"A":"a  b","N":"1"}},"change":"/usr/bin/printf [%s]  $A\n\t${A}x $NOT ${NOT} $ $1 ${ ${A ${A-b} $N\"'; $A$N"`, "[a  b][a  bx][$NOT][${NOT}][$][$1][${][${A][${A-b}][1\"';][a  b1]", ""},
		"no command, in PATH":       {nil, `"exec":{"env":{"PATH":"/usr/bin:/bin"}},"change":"printenv"`, "PATH=/usr/bin:/bin\nETCHA_EVENT_NAME=name\n", ""},
		"no command, not there":     {nil, `"exec":{},"change":"no-such-program -x"`, "", `executable "no-such-program": not found in PATH`},
		"no command, and a script":  {nil, `"exec":{},"change":" "`, "", "no executable is named"},
		"an interpreter's missing":  {nil, `"exec":{"command":"/no/such/bash -c"},"change":"true"`, "", "/no/such/bash"},
		"a working directory":       {nil, `"exec":{"command":"/bin/sh -c","workDir":"/usr"},"change":"pwd"`, "/usr\n", ""},
		"a file in its place":       {nil, `"exec":{"command":"/bin/sh -c","workDir":"/etc/passwd"},"change":"pwd"`, "", `dir "/etc/passwd": is a file, not a directory`},
		"none in its place":         {nil, `"exec":{"command":"/bin/sh -c","workDir":"/no/such"},"change":"pwd"`, "", `dir "/no/such": there is no such directory`},
		"no such user":              {nil, `"exec":{"command":"/bin/sh -c","user":"no-such-user"},"change":"pwd"`, "", `user "no-such-user": this machine has no such user`},
		"no such group":             {nil, `"exec":{"command":"/bin/sh -c","group":"no-such-group"},"change":"pwd"`, "", `group "no-such-group": this machine has no such group`},
		"no containers":             {nil, `"exec":{"containerImage":"debian"},"change":"true"`, "", `containerImage "debian": there are no containers here`},
		"the input":                 {nil, `"stdin":"a\n\"$(hostname)\"","change":"cat"`, "a\n\"$(hostname)\"", ""},
		"words of exec.command":     {nil, `"exec":{"command":"  /bin/sh   -e -c "},"change":"echo $#; false; echo x"`, "0\n", "exit status 1"},
		"a script is never changed": {nil, `"exec":{"command":"/bin/echo","env":{"A":"b"}},"change":"  $A ${A} $(hostname) \\ \" '  "`, "  $A ${A} $(hostname) \\ \" '  \n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.Environ = []string{"INHERITED=yes", "PATH=/usr/bin:/bin"}
			m.Env = map[string]string{"ETCHA_EVENT_NAME": "name"}
			if c.outer != nil {
				c.outer(&m.Exec)
			}
			_, result, err := m.run(nil, read(t, `[{"id":"a","always":true,`+c.fields+`}]`), command.Change)
			if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %v; want %q", err, c.fails)
			}
			if got := result.Outcomes[0].Change.Output.String(); got != c.want {
				t.Errorf("output %q; want %q", got, c.want)
			}
		})
	}
}

// TestMissingCheck takes an executable that is not there for a check that fails, where it is the check's own.
func TestMissingCheck(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	_, result, err := m.run(nil, read(t, `[{"id":"a","exec":{"env":{"PATH":"/usr/bin:/bin"}},"check":"no-such-program --version","change":"true"}]`), command.Change)
	if c := result.Outcomes[0].Check; err != nil || c.Exit != 127 || !strings.Contains(c.Output.String(), "no-such-program") || result.Outcomes[0].State != command.Changed {
		t.Errorf("%+v, %v", c, err)
	}
	_, result, err = m.run(nil, read(t, `[{"id":"a","exec":{"command":"/no/such/bash -c"},"check":"true","change":"true"}]`), command.Change)
	if err == nil || result.Outcomes[0].State != command.Failed || result.Outcomes[0].Check.Exit != -1 {
		t.Errorf("%+v, %v", result.Outcomes[0], err)
	}
}

// TestUser runs as others, who are told who they are.
func TestUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("becomes other users")
	}
	for fields, want := range map[string]string{
		`"user":"nobody"`:                                       "nobody 65534 65534 /nonexistent nobody nobody",
		`"user":"nobody","group":"daemon"`:                      "nobody 65534 1 /nonexistent nobody nobody",
		`"user":"nobody","env":{"HOME":"/x","USER":"y"}`:        "nobody 65534 65534 /x y nobody",
		`"user":"12345","group":"54321","env":{"LOGNAME":"me"}`: "12345 12345 12345 54321 / 12345 me",
		`"group":"daemon"`:                                      "root 0 1 /inherited inherited inherited",
	} {
		m := newMachine(t)
		m.Environ = []string{"PATH=/usr/bin:/bin", "HOME=/inherited", "USER=inherited", "LOGNAME=inherited"}
		_, result, err := m.run(nil, read(t, `[{"id":"a","always":true,"exec":{"command":"/bin/sh -c","envInherit":true,`+fields+`},"change":"echo $(id -un || id -u) $(id -u) $(id -g) $HOME $USER $LOGNAME"}]`), command.Change)
		got := result.Outcomes[0].Change.Output.String()
		if got = got[strings.LastIndex(strings.TrimSpace(got), "\n")+1:]; err != nil || got != want+"\n" {
			t.Errorf("%s: %q, %v; want %q", fields, got, err, want)
		}
	}
}

// entries is a sink that keeps them.
type entries struct {
	lines []string
	fail  error
}

func (e *entries) Append(entry journal.Entry) error {
	if e.fail != nil {
		return e.fail
	}
	line := fmt.Sprintf("%s %s/%s %s%s", entry.Kind, entry.Job, entry.Step, entry.Text, entry.Status)
	if entry.Exit != nil {
		line += fmt.Sprintf(" %d", *entry.Exit)
	}
	e.lines = append(e.lines, line)
	return nil
}

func TestJournal(t *testing.T) {
	t.Parallel()
	m, sink := newMachine(t), &entries{}
	m.Sink, m.Source = sink, "web"
	m.Exec.AllowOverride = false
	if _, _, err := m.run(nil, read(t, `[{"id":"a","check":"echo no; exit 2","change":"echo one; printf two >&2","onChange":"b"},{"id":"g","commands":[{"id":"i"},{"id":"w","check":"true"}]},{"id":"b","exec":{},"check":"true","change":"exit 3"},{"id":"c","check":"true"}]`), command.Change); err == nil {
		t.Error("no error")
	}
	want := []string{
		"start web/a check", "output web/a no", "start web/a change", "output web/a one", "output web/a two", "finish web/a changed 0",
		"start web/g > w check", "finish web/g > w well 0",
		"warning web/b its exec is not allowed here; the inherited one counts", "start web/b check", "start web/b change", "finish web/b set off by afailed 3",
		"finish web/c skipped",
	}
	if !slices.Equal(sink.lines, want) {
		t.Errorf("\n got %s\nwant %s", strings.Join(sink.lines, "\n     "), strings.Join(want, "\n     "))
	}

	m.Sink = &entries{fail: os.ErrClosed}
	_, result, err := m.run(nil, read(t, `[{"id":"a","always":true,"change":"echo one; echo two"}]`), command.Change)
	if err == nil || !strings.Contains(err.Error(), "journal: ") || result.Outcomes[0].State != command.Changed {
		t.Errorf("a sink that fails: %v, %+v", err, result.Outcomes)
	}
}

// asked is a runtime that keeps what it is asked to start, and starts nothing.
type asked struct {
	container.Runtime
	specs []container.Spec
	exit  int
}

func (a *asked) See(m container.Mount) string { return m.Path }

func (a *asked) Start(_ context.Context, s container.Spec, io container.IO) (container.Process, error) {
	a.specs = append(a.specs, s)
	return ended{status: a.exit}, nil
}

type ended struct {
	container.Process
	status int
}

func (e ended) Wait(context.Context) (int, error) { return e.status, nil }

// TestContainerSpec pins what each container field becomes.
func TestContainerSpec(t *testing.T) {
	t.Parallel()
	m, rt := newMachine(t), &asked{}
	var opened []string
	m.Containers = func(_ context.Context, image, pull string) (container.Runtime, string, error) {
		opened = append(opened, image+" "+pull)
		if image == "broken" {
			return nil, "", os.ErrPermission
		}
		return rt, image + "@sha256:1", nil
	}
	m.Env = map[string]string{"ETCHA_SOURCE_NAME": "web", "LONG": strings.Repeat("x", 100<<10)}
	_, _, err := m.run(nil, read(t, `[
		{"id":"a","always":true,"exec":{"containerImage":"debian","env":{"A":"b"},"envInherit":true},"change":"cat /etc/os-release  $A"},
		{"id":"b","always":true,"exec":{"containerImage":"debian","command":"bash -c","workDir":"sub","containerNetwork":"none"},"change":"echo $A"},
		{"id":"c","always":true,"exec":{"containerImage":"debian","containerPull":"always","containerEntrypoint":"/bin/sh -x","command":"-e -c","containerNetwork":"host","containerPrivileged":true,"containerUser":"nobody:daemon","containerVolumes":["/usr:/u","/etc:/e:ro"],"containerWorkDir":"/w","workDir":"/ignored"},"change":"true"},
		{"id":"d","always":true,"exec":{"containerImage":"broken"},"change":"true"}
	]`), command.Change)
	if err == nil || err.Error() != `command "d": change: containerImage "broken": permission denied` {
		t.Error(err)
	}
	if want := []string{"debian ", "debian always", "broken "}; !slices.Equal(opened, want) {
		t.Errorf("opened %q; want %q", opened, want)
	}
	mount := container.Mount{Path: "/run/writ-values", ReadOnly: true, NoExec: true}
	for i := range rt.specs {
		last := &rt.specs[i].Mounts[len(rt.specs[i].Mounts)-1]
		if last.Host == "" {
			t.Errorf("mount %+v", *last)
		}
		if _, err := os.Stat(last.Host); !os.IsNotExist(err) {
			t.Errorf("the values outlive the run: %v", err)
		}
		last.Host = ""
	}
	env := []string{"ETCHA_SOURCE_NAME=web", "LONG_FILE=/run/writ-values/LONG.0"}
	first := map[string]string{"a": "A=b"}
	want := []container.Spec{
		{Name: "a", Path: "cat", Args: []string{"/etc/os-release", "b"}, Image: "debian@sha256:1", Entrypoint: true, ImageDir: true, Mounts: []container.Mount{mount}},
		{Name: "b", Path: "bash", Args: []string{"-c", "echo $A"}, Image: "debian@sha256:1", Entrypoint: true, ImageDir: true, Dir: "sub", Hermetic: true, Mounts: []container.Mount{mount}},
		{Name: "c", Path: "/bin/sh", Args: []string{"-x", "-e", "-c", "true"}, Image: "debian@sha256:1", ImageDir: true, Dir: "/w", User: "nobody:daemon", Privileged: true, HostNetwork: true,
			Mounts: []container.Mount{{Path: "/u", Host: "/usr"}, {Path: "/e", Host: "/etc", ReadOnly: true}, mount}},
	}
	for i := range want {
		want[i].Env = env
		if own := first[want[i].Name]; own != "" {
			want[i].Env = append([]string{own}, env...)
		}
		if i > 0 {
			want[i].Env = append(slices.Clip(want[i].Env), "_CHANGE=0", "_CHANGE_OUT=", "_CHECK=0")
		}
		if i >= len(rt.specs) || !reflect.DeepEqual(rt.specs[i], want[i]) {
			t.Errorf("\n got %+v\nwant %+v", rt.specs[i], want[i])
		}
	}
}
