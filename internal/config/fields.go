package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/key"
)

// field is one key of the configuration.
type field struct {
	key     string
	what    string // what is allowed
	text    bool   // a variable or flag gives its text as it is, not JSON
	path    bool   // a path: relative to the file, or to the working directory
	pointer func(*Config) any
	members map[string][]string // of objects in it, by pattern: "", "files"
}

// fields are all keys of ours.
func fields() []field {
	return []field{
		{key: "issuer.url", what: "text", text: true, pointer: func(c *Config) any { return &c.Issuer.URL }},
		{key: "issuer.identityFile", what: "a path", text: true, path: true, pointer: func(c *Config) any { return &c.Issuer.IdentityFile }},
		{key: "issuer.algorithm", what: "RS256, ES256 or EdDSA", text: true, pointer: func(c *Config) any { return &c.Issuer.Algorithm }},
		{key: "issuer.identity", what: "a list of objects {rule, enabled, env, audiences, files}", pointer: func(c *Config) any { return &c.Issuer.Identity },
			members: map[string][]string{"": {"rule", "enabled", "env", "audiences", "files"}, "files": {"path", "audience"}}},
		{key: "issuer.introspectRate", what: "a number", pointer: func(c *Config) any { return &c.Issuer.IntrospectRate }},
		{key: "issuer.rotation.period", what: "a duration like 7d or 36h, 0 for never", text: true, pointer: func(c *Config) any { return &c.Issuer.Rotation.Period }},
		{key: "issuer.rotation.cache", what: "a duration like 1h or 90m", text: true, pointer: func(c *Config) any { return &c.Issuer.Rotation.Cache }},
		{key: "server.listen", what: "HOST:PORT", text: true, pointer: func(c *Config) any { return &c.Server.Listen }},
		{key: "server.data", what: "a path", text: true, path: true, pointer: func(c *Config) any { return &c.Server.Data }},
		{key: "server.socket", what: "a path", text: true, path: true, pointer: func(c *Config) any { return &c.Server.Socket }},
		{key: "server.socketAllow", what: "a list of objects {uid, teams}", pointer: func(c *Config) any { return &c.Server.SocketAllow },
			members: map[string][]string{"": {"uid", "teams"}}},
		{key: "server.tlsCert", what: "a path", text: true, path: true, pointer: func(c *Config) any { return &c.Server.TLSCert }},
		{key: "server.tlsKey", what: "a path", text: true, path: true, pointer: func(c *Config) any { return &c.Server.TLSKey }},
		{key: "container.runtime", what: "auto, process or oci", text: true, pointer: func(c *Config) any { return &c.Container.Runtime }},
		{key: "container.command", what: "the name or path of an OCI runtime", text: true, pointer: func(c *Config) any { return &c.Container.Command }},
		{key: "container.imageCache", what: "a path", text: true, path: true, pointer: func(c *Config) any { return &c.Container.ImageCache }},
		{key: "container.imageCacheBytes", what: "a number", pointer: func(c *Config) any { return &c.Container.ImageCacheBytes }},
		{key: "container.registryMirrors", what: "an object {registry: mirror}", pointer: func(c *Config) any { return &c.Container.RegistryMirrors }},
		{key: "container.insecureRegistries", what: "a list of hosts", pointer: func(c *Config) any { return &c.Container.InsecureRegistries }},
		{key: "container.network", what: "pasta or host", text: true, pointer: func(c *Config) any { return &c.Container.Network }},
	}
}

// sections are the objects that hold our keys.
func sections() []string { return []string{"issuer", "server", "container"} }

// later are Etcha's sections. What they configure has not landed yet, so that they are refused by name.
func later() []string {
	return []string{"build", "cli", "exec", "httpServer", "licenseKey", "lint", "run", "sources", "targets", "test", "vars"}
}

func isLater(key string) bool {
	section, _, _ := strings.Cut(key, ".")
	return slices.Contains(later(), section)
}

// keys are the full keys, or those below a section, without it.
func keys(section string) []string {
	var all []string
	for _, f := range fields() {
		if section == "" {
			all = append(all, f.key)
		} else if name, of := strings.CutPrefix(f.key, section+"."); of {
			all = append(all, name)
		}
	}
	return all
}

func find(key string) (field, bool) {
	all := fields()
	i := slices.IndexFunc(all, func(f field) bool { return f.key == key })
	if i < 0 {
		return field{}, false
	}
	return all[i], true
}

// errorAt is a mistake below a key.
type errorAt struct {
	path string // "[0].rool" below the key
	text string
}

func (e errorAt) Error() string { return e.text }

// decode puts a JSON value into the config. Null leaves it as it is.
func (f field) decode(c *Config, value jsontext.Value) error {
	if value.Kind() == 'n' {
		return nil
	}
	err := json.Unmarshal(value, f.pointer(c), json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return errorAt{text: "not JSON; want " + f.what}
	}
	path, name, pattern := pointerPath(semantic.JSONPointer)
	if errors.Is(err, json.ErrUnknownName) {
		allowed := f.members[pattern]
		return errorAt{path, fmt.Sprintf("unknown key%s; allowed: %s", nearest.Suggestion(name, allowed), strings.Join(allowed, ", "))}
	}
	want := f.what
	if path != "" {
		want = "another type"
		if semantic.GoType != nil {
			want = typeName(semantic.GoType.String())
		}
	}
	return errorAt{path, fmt.Sprintf("want %s, not %s", want, kindName(semantic.JSONKind))}
}

// pointerPath makes [0].files[1].path of /0/files/1/path, with its last name and the names before it.
func pointerPath(pointer jsontext.Pointer) (path, name, pattern string) {
	var names []string
	for part := range pointer.Tokens() {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			path += "[" + part + "]"
			continue
		}
		path += "." + part
		names = append(names, part)
	}
	if len(names) > 0 {
		name = names[len(names)-1]
		pattern = strings.Join(names[:len(names)-1], ".")
	}
	return path, name, pattern
}

func typeName(goType string) string {
	switch strings.TrimLeft(goType, "*") {
	case "bool":
		return "true or false"
	case "string":
		return "text"
	case "uint32":
		return "a whole number from 0 to 4294967295"
	case "[]string":
		return "a list of texts"
	}
	if strings.HasPrefix(goType, "[]") {
		return "a list of objects"
	}
	return "an object"
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case '"':
		return "text"
	case '0':
		return "this number"
	case 't', 'f':
		return "true or false"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return "this"
}

// value returns what the config holds.
func (f field) value(c *Config) any {
	switch p := f.pointer(c).(type) {
	case *string:
		return *p
	case *key.Algorithm:
		return string(*p)
	case *float64:
		return *p
	}
	text, err := json.Marshal(f.pointer(c))
	if err != nil {
		return nil
	}
	return jsontext.Value(text)
}
