package config

import (
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/internal/config/form"
)

// etchaFields are the keys of Etcha's sections but those of sources and targets.
func etchaFields() []field {
	return []field{
		{key: "build.pushDomainSuffix", what: "text", text: true, pointer: func(c *Config, _ []string) any { return &c.Build.PushDomainSuffix }},
		{key: "build.pushMaxWorkers", what: "a number", pointer: func(c *Config, _ []string) any { return &c.Build.PushMaxWorkers }},
		{key: "build.signingCommands", what: "a list of Commands", pointer: func(c *Config, _ []string) any { return &c.Build.SigningCommands }},
		{key: "build.signingKey", what: "a private key", text: true, pointer: func(c *Config, _ []string) any { return &c.Build.SigningKey }},
		{key: "build.signingKeyPath", what: "a path", text: true, path: true, bare: true, pointer: func(c *Config, _ []string) any { return &c.Build.SigningKeyPath }},
		{key: "lint.exclude", what: "a regular expression", text: true, pointer: func(c *Config, _ []string) any { return &c.Lint.Exclude }},
		{key: "cli.logLevel", what: "none, debug, info, warn or error", text: true, pointer: func(c *Config, _ []string) any { return &c.CLI.LogLevel }},
		{key: "cli.noColor", what: "true or false", pointer: func(c *Config, _ []string) any { return &c.CLI.NoColor }},
		{key: "jsonnet.closeNative", what: "true or false", pointer: func(c *Config, _ []string) any { return &c.Jsonnet.CloseNative }},
		{key: "test", what: "true or false", pointer: func(c *Config, _ []string) any { return &c.Test }},
		{key: "vars.*", what: "any value", loose: true, pointer: func(c *Config, n []string) any { return &form.Entry[any]{In: &c.Vars, Name: n[0]} }},
	}
}

// made returns what a pointer points to, which it makes where there is nothing.
func made[T any](pointer **T) *T {
	if *pointer == nil {
		*pointer = new(T)
	}
	return *pointer
}

func linters(c *Config) map[string]*command.Exec {
	if c.Lint.Linters == nil {
		c.Lint.Linters = map[string]*command.Exec{}
	}
	return c.Lint.Linters
}

// linter returns the linter of a name, which it makes where there is none.
func linter(c *Config, name string) *command.Exec {
	if linters(c)[name] == nil {
		c.Lint.Linters[name] = new(command.Exec)
	}
	return c.Lint.Linters[name]
}

// holder is a key that holds an exec.
type holder struct {
	key string
	of  func(c *Config, names []string) *command.Exec
}

func execs() []holder {
	return []holder{
		{"exec", func(c *Config, _ []string) *command.Exec { return &c.Exec }},
		{"build.signingExec", func(c *Config, _ []string) *command.Exec { return made(&c.Build.SigningExec) }},
		{"lint.linters.*", func(c *Config, n []string) *command.Exec { return linter(c, n[0]) }},
		{"run.verifyExec", func(c *Config, _ []string) *command.Exec { return made(&c.Run.VerifyExec) }},
		{"sources.*.exec", func(c *Config, n []string) *command.Exec { return made(&source(c, n).Exec) }},
		{"sources.*.verifyExec", func(c *Config, n []string) *command.Exec { return made(&source(c, n).VerifyExec) }},
	}
}

// fields are the keys below it.
func (h holder) fields() []field {
	fields := make([]field, 0, 16)
	add := func(name, what string, text bool, pointer func(*command.Exec) any) {
		fields = append(fields, field{key: h.key + "." + name, what: what, text: text, pointer: func(c *Config, n []string) any { return pointer(h.of(c, n)) }})
	}
	add("allowOverride", "true or false", false, func(e *command.Exec) any { return &e.AllowOverride })
	add("command", "text", true, func(e *command.Exec) any { return &e.Command })
	add("containerEntrypoint", "text", true, func(e *command.Exec) any { return &e.ContainerEntrypoint })
	add("containerImage", "text", true, func(e *command.Exec) any { return &e.ContainerImage })
	add("containerNetwork", "text", true, func(e *command.Exec) any { return &e.ContainerNetwork })
	add("containerPrivileged", "true or false", false, func(e *command.Exec) any { return &e.ContainerPrivileged })
	add("containerPull", "text", true, func(e *command.Exec) any { return &e.ContainerPull })
	add("containerUser", "text", true, func(e *command.Exec) any { return &e.ContainerUser })
	add("containerVolumes", "a list of texts", false, func(e *command.Exec) any { return &e.ContainerVolumes })
	add("containerWorkDir", "text", true, func(e *command.Exec) any { return &e.ContainerWorkDir })
	add("envInherit", "true or false", false, func(e *command.Exec) any { return &e.EnvInherit })
	add("group", "text", true, func(e *command.Exec) any { return &e.Group })
	add("sudo", "true or false", false, func(e *command.Exec) any { return &e.Sudo })
	add("user", "text", true, func(e *command.Exec) any { return &e.User })
	add("workDir", "text", true, func(e *command.Exec) any { return &e.WorkDir })
	return append(fields, field{key: h.key + ".env.*", what: "text", text: true, pointer: func(c *Config, n []string) any {
		return &form.Entry[string]{In: &h.of(c, n).Env, Name: n[len(n)-1]}
	}})
}

// idleFields are keys of Etcha's that have no effect here.
func idleFields() []field {
	fields := make([]field, 0, 24)
	for _, of := range []struct {
		why  string
		keys []string
	}{
		{"writ has no licences", []string{"licenseKey"}},
		{"name the file with --config", []string{"cli.configPath"}},
		{"an agent reads its configuration again on SIGHUP", []string{"cli.configReloadSec", "cli.configWatch"}},
		{"writ has no macros", []string{"cli.macros", "macroDir"}},
		{"writ logs key=value to standard error", []string{"cli.logFormat", "cli.logLevelStdout"}},
		{"writ starts no pager", []string{"cli.noPaging"}},
		{"writ opens no shells", []string{"run.timeoutShell", "run.shellTimeout", "targets.*.pathShell"}},
		{"Commands run one after another", []string{"build.commandsMaxWorkers", "run.commandsMaxWorkers"}},
		{"an agent has no profiling endpoints", []string{"run.systemPprofSecret"}},
		{"the limit is on peer addresses, httpServer.rateLimitRate", []string{"httpServer.rateLimitKey", "httpServer.rateLimitPatterns"}},
		{"all Commands always run", []string{"sources.*.runAll"}},
		{"let a Command of the source send the event exit", []string{"sources.*.eventsReceiveExit"}},
	} {
		for _, key := range of.keys {
			fields = append(fields, field{key: key, what: "any value", loose: true, idle: of.why})
		}
	}
	return fields
}

// objects are the keys with others below them that are more than the way to those.
func objects() []object {
	all := []object{
		{key: "lint.linters", optional: true,
			make: func(c *Config, _ []string) { linters(c) },
			null: func(c *Config, _ []string) { c.Lint.Linters = map[string]*command.Exec{} }},
		{key: "lint.linters.*", make: func(c *Config, n []string) { linter(c, n[0]) }, null: func(c *Config, n []string) {
			delete(linters(c), n[0])
		}},
		{key: "sources", optional: true},
		{key: "sources.*", make: func(c *Config, n []string) { source(c, n) }},
		{key: "sources.*.vars", optional: true},
		{key: "targets", optional: true},
		{key: "targets.*", make: func(c *Config, n []string) { target(c, n) }},
		{key: "targets.*.vars", optional: true},
		{key: "targets.*.sourcePatterns", optional: true},
		{key: "vars", optional: true},
	}
	for _, h := range execs() {
		all = append(all, object{key: h.key + ".env", optional: true, list: environmentList})
		if h.key != "exec" && h.key != "lint.linters.*" {
			all = append(all, object{key: h.key, optional: true})
		}
	}
	return all
}
