package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/issuer"
)

// validate checks the values as far as that needs nothing but themselves. Every mistake is named, with its place.
func (c Config) validate() error {
	problems := []error{c.validateIssuer(), c.validateServer(), c.validateContainer(), c.validateEtcha()}
	problems = append(problems, below("run", c.Run.Validate()), below("httpServer", c.HTTPServer.Validate()), below("httpClient", c.HTTPClient.Validate()))
	for name, s := range c.Sources {
		if err := agent.ValidateName(name); err != nil {
			problems = append(problems, fmt.Errorf("sources.%s: %w", name, err))
		}
		problems = append(problems, below("sources."+name, s.Validate()))
	}
	for name, t := range c.Targets {
		problems = append(problems, below("targets."+name, t.Validate()))
	}
	var all []error
	for _, problem := range leaves(errors.Join(problems...)) {
		all = append(all, c.Blame(problem))
	}
	slices.SortStableFunc(all, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(all...)
}

// leaves are the errors that were joined to one.
func leaves(err error) []error {
	joined, isJoined := err.(interface{ Unwrap() []error })
	if !isJoined {
		if err == nil {
			return nil
		}
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, leaves(one)...)
	}
	return all
}

// below puts a key in front of each error.
func below(key string, err error) error {
	var all []error
	for _, one := range leaves(err) {
		all = append(all, fmt.Errorf("%s.%w", key, one))
	}
	return errors.Join(all...)
}

func (c Config) validateIssuer() error {
	url := c.Issuer.URL
	if url == "" {
		url = "http://localhost"
	}
	_, err := c.Issuer.Rotation.Parse()
	return errors.Join(issuer.Config{URL: url, Algorithm: c.Issuer.Algorithm, Identity: c.Issuer.Identity, Rate: c.Issuer.IntrospectRate}.Validate(), err)
}

func (c Config) validateServer() error {
	var problems []error
	if _, _, err := net.SplitHostPort(c.Server.Listen); err != nil {
		problems = append(problems, fmt.Errorf("server.listen %q: want HOST:PORT", c.Server.Listen))
	}
	if c.Server.TLSCert != "" && c.Server.TLSKey == "" {
		problems = append(problems, fmt.Errorf("server.tlsCert %q has no server.tlsKey beside it", c.Server.TLSCert))
	}
	if c.Server.TLSKey != "" && c.Server.TLSCert == "" {
		problems = append(problems, fmt.Errorf("server.tlsKey %q has no server.tlsCert beside it", c.Server.TLSKey))
	}
	for i, allow := range c.Server.SocketAllow {
		if allow.UID == nil {
			problems = append(problems, fmt.Errorf("server.socketAllow[%d]: uid is missing", i))
		}
	}
	return errors.Join(problems...)
}

func (c Config) validateContainer() error {
	var problems []error
	if runtimes := []string{"", "auto", "process", "oci"}; !slices.Contains(runtimes, c.Container.Runtime) {
		problems = append(problems, fmt.Errorf("container.runtime %q: want %s", c.Container.Runtime, strings.Join(runtimes[1:], ", ")))
	}
	if c.Container.ImageCacheBytes < 0 {
		problems = append(problems, fmt.Errorf("container.imageCacheBytes %d is negative", c.Container.ImageCacheBytes))
	}
	if networks := []string{"", "pasta", "host"}; !slices.Contains(networks, c.Container.Network) {
		problems = append(problems, fmt.Errorf("container.network %q: want %s", c.Container.Network, strings.Join(networks[1:], " or ")))
	}
	return errors.Join(problems...)
}

// validateEtcha checks what no room has a Validate for.
func (c Config) validateEtcha() error {
	problems := []error{c.Exec.Validate("exec"), c.Build.SigningCommands.Validate("build.signingCommands")}
	if c.Build.SigningExec != nil {
		problems = append(problems, c.Build.SigningExec.Validate("build.signingExec"))
	}
	if c.Build.PushMaxWorkers < 0 {
		problems = append(problems, fmt.Errorf("build.pushMaxWorkers %d is negative", c.Build.PushMaxWorkers))
	}
	if _, err := regexp.Compile(c.Lint.Exclude); err != nil {
		problems = append(problems, fmt.Errorf("lint.exclude %q: %w", c.Lint.Exclude, err))
	}
	for name, e := range c.Lint.Linters {
		problems = append(problems, e.Validate("lint.linters."+name))
	}
	if levels := []string{"", "none", "debug", "info", "warn", "error"}; !slices.Contains(levels, c.CLI.LogLevel) {
		problems = append(problems, fmt.Errorf("cli.logLevel %q: want %s", c.CLI.LogLevel, strings.Join(levels[1:], ", ")))
	}
	return errors.Join(problems...)
}

// idleCommands are the warnings about Commands that hold what has no effect.
func (c Config) idleCommands() []string {
	found := slices.Concat(c.Build.SigningCommands.Warnings("build.signingCommands"), c.Run.VerifyCommands.Warnings("run.verifyCommands"))
	for name, s := range c.Sources {
		found = append(found, s.Commands.Warnings("sources."+name+".commands")...)
		found = append(found, s.VerifyCommands.Warnings("sources."+name+".verifyCommands")...)
	}
	for i, text := range found {
		found[i] = c.Blame(errors.New(text)).Error()
	}
	slices.Sort(found)
	return found
}
