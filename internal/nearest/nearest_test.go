package nearest_test

import (
	"testing"

	"github.com/writ-run/writ/internal/nearest"
)

func TestName(t *testing.T) {
	t.Parallel()
	names := []string{"issuer", "server", "identityFile", "sources"}
	for name, want := range map[string]string{
		"isuer": "issuer", "ISSUER": "issuer", "identity_file": "identityFile", "soruces": "sources", "xyz": "", "": "",
		"a name that is far longer than any name that could be meant, and stays so": "",
	} {
		if got := nearest.Name(name, names); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestSuggestion(t *testing.T) {
	t.Parallel()
	if got, want := nearest.Suggestion("sever", []string{"server"}), `; did you mean "server"?`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := nearest.Suggestion("nothing", []string{"server"}); got != "" {
		t.Errorf("got %q", got)
	}
}
