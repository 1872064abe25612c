package workload_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/writ-run/writ/workload"
)

// TestIdentityNamesEveryField: a claim whose field Field forgets would be verified and then be empty.
func TestIdentityNamesEveryField(t *testing.T) {
	t.Parallel()
	var identity workload.Identity
	seen := map[any]string{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[workload.Identity]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous || name == "" {
			continue
		}
		pointer := identity.Field([]byte(name))
		if want := reflect.ValueOf(&identity).Elem().FieldByIndex(field.Index).Addr().Interface(); pointer != want {
			t.Errorf("claim %s goes to %T, not to the field %s", name, pointer, field.Name)
		}
		if other, twice := seen[pointer]; twice {
			t.Errorf("claims %s and %s go to one field", name, other)
		}
		seen[pointer] = name
	}
	if len(seen) != 22 {
		t.Errorf("%d claims, want 22", len(seen))
	}
	if identity.Field([]byte("unknown")) != nil {
		t.Error("an unknown claim goes somewhere")
	}
}
