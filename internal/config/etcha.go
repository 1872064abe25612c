package config

import (
	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
)

// Build says how orders are signed and pushed.
type Build struct {
	PushDomainSuffix string // appended to the host name of every target
	PushMaxWorkers   int    // machines that are pushed to at once; 0: 32

	SigningCommands command.List  // print the signed order as the event jwt; in place of a key
	SigningExec     *command.Exec // of SigningCommands; nil: the main one
	SigningKey      agent.Secret  // in any form: text, PEM, JWK
	SigningKeyPath  string        // file of the same; a name without a slash is looked for upwards
}

// Lint says how Patterns are linted.
type Lint struct {
	Exclude string                   // expression over the files that are left out
	Linters map[string]*command.Exec // what scripts are given to on standard input; nil: shellcheck where it is installed, empty: nothing
}

// CLI is about what is printed.
type CLI struct {
	LogLevel string // none, debug, info, warn or error; empty: the verb's own
	NoColor  bool
}

// Jsonnet bounds what Patterns and this configuration can reach.
type Jsonnet struct {
	CloseNative bool // native functions are closed, all but those that only compute
}
