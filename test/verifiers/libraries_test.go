package verifiers

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/badtokens"
	"github.com/writ-run/writ/test/program"
)

// library is somebody else's implementation, with a small program that asks it.
type library struct {
	name    string
	where   string // where it comes from, for the table
	version func(*testing.T) string
	command func(*testing.T) []string

	// asked says what makes the library refuse what it lets through when it is given the keys and nothing else; in any of
	// its versions.
	asked map[badtokens.Check]string
}

// ownCrit and ownSub are checks for which a library has no option.
const (
	ownCrit = "no option: refuse a header that has `crit`"
	ownSub  = "no option: compare `sub`"
)

var libraries = []library{
	{
		name: "PyJWT", where: "Python", version: debian("python3-jwt"), command: python("pyjwt"),
		asked: map[badtokens.Check]string{
			badtokens.Issuer: "`issuer=`", badtokens.Subject: ownSub,
			badtokens.Critical: ownCrit, // before Debian's 2.6.0-1+deb12u1
		},
	},
	{
		name: "jwcrypto", where: "Python", version: debian("python3-jwcrypto"), command: python("jwcrypto"),
		asked: map[badtokens.Check]string{
			badtokens.Issuer: "`check_claims={\"iss\": ...}`", badtokens.Audience: "`check_claims={\"aud\": ...}`", badtokens.Subject: "`check_claims={\"sub\": ...}`",
		},
	},
	{
		name: "Authlib", where: "Python", version: debian("python3-authlib"), command: python("authlib"),
		asked: map[badtokens.Check]string{
			badtokens.Expiry: "`claims.validate()`", badtokens.NotBefore: "`claims.validate()`",
			badtokens.Audience: "`claims_options={\"aud\": {\"essential\": True, \"value\": ...}}` and `claims.validate()`",
			badtokens.Issuer:   "the same with `iss`", badtokens.Subject: "the same with `sub`",
		},
	},
	{
		name: "jose", where: "JavaScript", version: npm("jose"), command: node("jose"),
		asked: map[badtokens.Check]string{badtokens.Issuer: "`issuer`", badtokens.Audience: "`audience`", badtokens.Subject: "`subject`"},
	},
	{
		name: "jsonwebtoken", where: "JavaScript, keys by jwks-rsa", version: npm("jsonwebtoken"), command: node("jsonwebtoken"),
		asked: map[badtokens.Check]string{
			badtokens.Critical: ownCrit, badtokens.Issuer: "`issuer`", badtokens.Audience: "`audience`", badtokens.Subject: "`subject`",
		},
	},
	{
		name: "ruby-jwt", where: "Ruby", version: debian("ruby-jwt"), command: script("ruby", "ruby-jwt", "ruby", "jwt.rb"),
		asked: map[badtokens.Check]string{
			badtokens.Critical: ownCrit, badtokens.Issuer: "`iss:` and `verify_iss: true`", badtokens.Audience: "`aud:` and `verify_aud: true`",
			badtokens.Subject: "`sub:` and `verify_sub: true`",
		},
	},
	{
		name: "json-jwt", where: "Ruby", version: debian("ruby-json-jwt"), command: script("ruby", "ruby-json-jwt", "ruby", "json-jwt.rb"),
		asked: map[badtokens.Check]string{
			badtokens.Critical: ownCrit, badtokens.Issuer: "no option: compare `iss`", badtokens.Audience: "no option: look into `aud`",
			badtokens.Expiry: "no option: compare `exp`", badtokens.NotBefore: "no option: compare `nbf`", badtokens.Subject: ownSub,
		},
	},
	{
		name: "Crypt::JWT", where: "Perl", version: debian("libcrypt-jwt-perl"), command: script("perl", "libcrypt-jwt-perl", "perl", "crypt-jwt.pl"),
		asked: map[badtokens.Check]string{
			badtokens.Critical: ownCrit, badtokens.Issuer: "`verify_iss`", badtokens.Audience: "`verify_aud` with a `sub` that looks into the list", badtokens.Subject: "`verify_sub`",
		},
	},
	{
		name: "go-oidc", where: "Go", version: goModule("github.com/coreos/go-oidc/v3"), command: goProgram,
		asked: map[badtokens.Check]string{badtokens.Subject: ownSub},
	},
}

// debian is the version of a Debian package.
func debian(name string) func(*testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		version, err := exec.CommandContext(t.Context(), "dpkg-query", "-W", "-f=${Status} ${Version}", name).Output()
		installed, is := strings.CutPrefix(string(version), "install ok installed ")
		if err != nil || !is {
			program.Unavailable(t, name+" is not installed")
		}
		return installed
	}
}

// script runs a file here with an interpreter of Debian's, for which the package is made.
func script(interpreter, needed, directory, file string) func(*testing.T) []string {
	return func(t *testing.T) []string {
		debian(needed)(t)
		return []string{"/usr/bin/" + interpreter, filepath.Join(directory, file)}
	}
}

func python(name string) func(*testing.T) []string {
	return func(*testing.T) []string { return []string{"/usr/bin/python3", filepath.Join("python", name+".py")} }
}

// npm is the version in js/package.json, where it is exact.
func npm(name string) func(*testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join("js", "package.json"))
		if err != nil {
			t.Fatal(err)
		}
		var list struct{ Dependencies map[string]string }
		if err := json.Unmarshal(text, &list); err != nil || list.Dependencies[name] == "" {
			t.Fatalf("js/package.json has no version of %s: %v", name, err)
		}
		return list.Dependencies[name]
	}
}

// node runs a script beside the packages that js/package-lock.json names.
func node(name string) func(*testing.T) []string {
	return func(t *testing.T) []string {
		t.Helper()
		directory := t.TempDir() // imports are looked for beside the script
		text, err := os.ReadFile(filepath.Join("js", name+".mjs"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, name+".mjs"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(nodeModules(t), filepath.Join(directory, "node_modules")); err != nil {
			t.Fatal(err)
		}
		return []string{program.Find(t, "node"), filepath.Join(directory, name+".mjs")}
	}
}

// goModule is the version in go/go.mod.
func goModule(path string) func(*testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join("go", "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(path) + ` v(\S+)`).FindSubmatch(text)
		if found == nil {
			t.Fatalf("go/go.mod has no version of %s", path)
		}
		return string(found[1])
	}
}

// goProgram builds the module in go.
func goProgram(t *testing.T) []string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "go-oidc")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Dir, build.Env = "go", append(os.Environ(), "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		program.Unavailable(t, "test/verifiers/go cannot be built: "+string(output))
	}
	return []string{binary}
}
