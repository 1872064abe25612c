package command_test

import (
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/internal/strict"
)

// holder is how other rooms hold a list.
type holder struct {
	Run command.List `json:"run"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"run":[{"id":"a"},null,[[{"id":"b","onChange":"c"}],[null]],{"id":"c","commands":[[{"id":"d","onFail":["x","y"]}]]}]}`: `{"run":[{"id":"a"},{"id":"b","onChange":["c"]},{"id":"c","commands":[{"id":"d","onFail":["x","y"]}]}]}`,
		`{"run":[{"id":"a","exec":null,"check":null,"onChange":null,"always":null,"commands":null,"stdin":null}]}`:               `{"run":[{"id":"a"}]}`,
		`{"run":[{"id":"a","exec":{"envInheirt":true,"env":{"B":"c"},"allowOverride":false}}]}`:                                  `{"run":[{"id":"a","exec":{"env":{"B":"c"},"envInherit":true}}]}`,
		`{"run":[{"id":"a","exec":{"envInherit":true,"envInheirt":true}}]}`:                                                      `{"run":[{"id":"a","exec":{"envInherit":true}}]}`,
		`{"run":null}`: `{"run":[]}`,
		`{"run":[{"id":"a","change":"1","commands":[]},{"id":"b","commands":[null,[]]}]}`:                                                                                                                    `{"run":[{"id":"a","change":"1","commands":[]},{"id":"b","commands":[]}]}`,
		`{"run":[{"id":"a","always":true,"check":"1","change":"2","remove":"3","stdin":"4","changeIgnore":true,"removeAfter":true,"envPrefix":"P","onChange":["b"],"onFail":["etcha:c"],"onRemove":["d"]}]}`: `{"run":[{"id":"a","always":true,"check":"1","change":"2","remove":"3","stdin":"4","changeIgnore":true,"removeAfter":true,"envPrefix":"P","onChange":["b"],"onFail":["etcha:c"],"onRemove":["d"]}]}`,
		`{"run":[{"id":"a","exec":{"allowOverride":true,"command":"sh -c","user":"u","group":"g","sudo":true,"workDir":"w","containerImage":"i","containerEntrypoint":"e","containerNetwork":"none","containerPrivileged":true,"containerPull":"never","containerUser":"cu","containerVolumes":["/a:/b"],"containerWorkDir":"/w"}}]}`: `{"run":[{"id":"a","exec":{"allowOverride":true,"command":"sh -c","user":"u","group":"g","sudo":true,"workDir":"w","containerImage":"i","containerEntrypoint":"e","containerNetwork":"none","containerPrivileged":true,"containerPull":"never","containerUser":"cu","containerVolumes":["/a:/b"],"containerWorkDir":"/w"}}]}`,
	} {
		var h holder
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if again, err := json.Marshal(h); err != nil || string(again) != want {
			t.Errorf("%s:\n got %s, %v\nwant %s", text, again, err, want)
		}
	}
}

// TestDecodeRefuses is strict everywhere, and says where.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"run":[[{"id":"a"},{"id":"b","chnage":"x"}]]}`:                        `run[0][1].chnage: unknown property; did you mean "change"?`,
		`{"run":[{"id":"a"},{"id":"b","change":1}]}`:                            `run[1].change: is a number; want a string`,
		`{"run":[{"id":"b","always":"yes"}]}`:                                   `run[0].always: is a string; want a boolean`,
		`{"run":[{"id":"b","onChange":["a",1]}]}`:                               `run[0].onChange[1]: is a number; want a string`,
		`{"run":[{"id":"b","onChange":{}}]}`:                                    `run[0].onChange: is an object; want a string or a list of strings`,
		`{"run":[{"id":"b","onRemove":true}]}`:                                  `run[0].onRemove: is a boolean; want a string or a list of strings`,
		`{"run":[{"id":"b","exec":{"env":{"A":1}}}]}`:                           `run[0].exec.env.A: is a number; want a string`,
		`{"run":[{"id":"b","exec":{"env":[]}}]}`:                                `run[0].exec.env: is a list; want an object`,
		`{"run":[{"id":"b","exec":"bash"}]}`:                                    `run[0].exec: is a string; want an object`,
		`{"run":[{"id":"b","exec":{"envInheirt":true,"envInherit":false}}]}`:    `run[0].exec: envInherit and envInheirt are one property, and differ`,
		`{"run":[{"id":"b","exec":{"envInherited":true}}]}`:                     `run[0].exec.envInherited: unknown property; did you mean "envInherit"?`,
		`{"run":[{"id":"b","exec":{"containerVolumes":"/a:/b"}}]}`:              `run[0].exec.containerVolumes: is a string; want a list`,
		`{"run":[{"id":"b","commands":[{"id":"c","commands":[{"idd":"d"}]}]}]}`: `run[0].commands[0].commands[0].idd: unknown property; did you mean "id"?`,
		`{"run":[{"id":"a","id":"b"}]}`:                                         `run[0].id: duplicate object member name`,
		`{"run":["x"]}`:                                                         `run[0]: is a string; want a Command, or a list of them`,
		`{"run":[[7]]}`:                                                         `run[0][0]: is a number; want a Command, or a list of them`,
		`{"run":{}}`:                                                            `run: is an object; want a list of Commands`,
		`{"run":[{"id":"a"`:                                                     `run[0]: unexpected EOF`,
	} {
		var h holder
		err := strict.Explain(json.Unmarshal([]byte(text), &h))
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
	}
	if err := strict.Explain(json.Unmarshal([]byte(`{"runn":[]}`), &holder{}, json.RejectUnknownMembers(true)), "run"); err == nil || err.Error() != `runn: unknown property; did you mean "run"?` {
		t.Errorf("a member of the holder: %v", err)
	}
	if strict.Explain(nil) != nil {
		t.Error("no error was explained")
	}
}

// FuzzDecode has whatever is accepted mean the same when it is written and read again, and nothing bring the planner down.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`[{"id":"a"},null,[[{"id":"b","onChange":"c"}]],{"id":"c","commands":[[{"id":"d","onFail":["x","etcha:y"]}]]}]`,
		`[{"id":"a","exec":{"envInheirt":true,"env":{"B":"c"}},"onRemove":".*"}]`, `[{"id":"a","onChange":"("}]`, `null`, `[[[[]]]]`, `[{"commands":[]}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var list, again command.List
		if err := json.Unmarshal(text, &list); err != nil {
			if explained := strict.Explain(err); explained == nil || explained.Error() == "" {
				t.Errorf("%v is not explained", err)
			}
			return
		}
		written, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		if twice, err := json.Marshal(again); err != nil || string(twice) != string(written) {
			t.Errorf("%s\n%s, %v", written, twice, err)
		}
		for _, mode := range []command.Mode{command.Change, command.Check, command.Remove} {
			if _, err := command.Diff(again, list, mode); (err == nil) != (list.Validate("run") == nil) {
				t.Errorf("%s: %v", mode, err)
			}
		}
		list.Warnings("run")
	})
}
