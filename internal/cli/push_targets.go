package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/fleet"
	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/pattern"
)

// pushing is one call of push.
type pushing struct {
	app    *app
	cmd    *cobra.Command
	orders *orders
	flags  pushFlags

	mu   sync.Mutex
	sign orderSigner       // once one was needed
	made map[string][]byte // orders of command lines
}

// pushed is what is sent: a token, a command line, or a Pattern that is built for each target.
type pushed struct {
	name  string
	token []byte
	line  string
	text  patternText
}

// pushTarget is a machine with what it gets.
type pushTarget struct {
	fleet.Target
	order func(ctx context.Context) ([]byte, error)
}

// targets are the machines that are meant, in order, each with its order.
func (p *pushing) targets(argument string) ([]pushTarget, error) {
	given := pushed{}
	switch {
	case p.flags.command != "":
		given = pushed{name: p.flags.command, line: p.flags.command}
	case argument != "":
		var err error
		if given, err = p.read(argument); err != nil {
			return nil, err
		}
	}
	var all []pushTarget
	for _, host := range compact(p.flags.hosts) {
		target, err := hostTarget(host)
		if err != nil {
			return nil, usage(p.cmd, "--host %v", err)
		}
		if given.name == "" {
			return nil, usage(p.cmd, "--host takes a PATTERN, a TOKEN or a command line: a machine that is no target has none of its own")
		}
		all = append(all, p.target(target, given, nil))
	}
	configured, err := p.configured(given)
	if err != nil {
		return nil, err
	}
	all = append(all, configured...)
	if len(all) == 0 {
		names := slices.Sorted(maps.Keys(p.orders.config.Targets))
		return nil, hinted{fmt.Errorf("no target has the source %s in its sourcePatterns for this", p.orders.source), "targets: " + cmp.Or(strings.Join(names, ", "), "none") + "; a machine that is none is named with --host"}
	}
	return all, nil
}

// read reads what the command line names.
func (p *pushing) read(argument string) (pushed, error) {
	raw, is, err := p.app.tokenFile(argument)
	switch {
	case err != nil:
		return pushed{}, err
	case is:
		return pushed{name: argument, token: raw}, nil
	case argument == "-":
		return pushed{}, errors.New("standard input holds no token")
	}
	text, err := p.orders.packable(argument, nil, buildFlags{})
	if errors.Is(err, os.ErrNotExist) {
		return pushed{}, hinted{err, fmt.Sprintf("to push it as a command line: writ push %s -- %s", p.orders.source, argument)}
	}
	return pushed{name: argument, text: text}, err
}

// configured are the targets of the configuration that take what is given, or that have something of their own where
// nothing is.
func (p *pushing) configured(given pushed) ([]pushTarget, error) {
	c := p.orders.config
	names := slices.Sorted(maps.Keys(c.Targets))
	if len(p.flags.targets) > 0 {
		for _, name := range p.flags.targets {
			if c.Targets[name] == nil {
				return nil, hinted{fmt.Errorf("--target %s: the configuration has no such target%s", name, nearest.Suggestion(name, names)), "targets: " + cmp.Or(strings.Join(names, ", "), "none")}
			}
		}
		names = compact(p.flags.targets)
	} else if len(p.flags.hosts) > 0 {
		names = nil
	}
	var all []pushTarget
	for _, name := range names {
		what, why, err := p.whatFor(name, given)
		switch {
		case err != nil:
			return nil, err
		case why != "" && len(p.flags.targets) > 0:
			return nil, fmt.Errorf("target %s %s", name, why)
		case why == "":
			t := c.Targets[name]
			all = append(all, p.target(p.locate(name, t), what, t.Vars))
		}
	}
	return all, nil
}

// whatFor says what a target gets, or why nothing.
func (p *pushing) whatFor(name string, given pushed) (what pushed, why string, err error) {
	t, source := p.orders.config.Targets[name], p.orders.source
	own, takes := t.SourcePatterns[source]
	switch {
	case !takes && (t.SourcePatterns != nil || len(p.flags.targets) == 0):
		return what, fmt.Sprintf("does not have the source %s in its sourcePatterns", source), nil
	case given.name == "" && own == "":
		return what, fmt.Sprintf("names no Pattern of its own for the source %s: say which", source), nil
	case given.name != "" && own != "" && !p.same(own, given):
		return what, fmt.Sprintf("takes %s for the source %s, and nothing else", own, source), nil
	case given.name != "":
		return given, "", nil
	}
	path := p.fromConfiguration(own)
	if info, problem := os.Stat(path); problem != nil || info.IsDir() {
		if !strings.HasSuffix(own, ".jsonnet") {
			return pushed{name: own, line: own}, "", nil
		}
	}
	if what, err = p.read(path); err != nil {
		err = fmt.Errorf("targets.%s.sourcePatterns.%s: %w", name, source, err)
	}
	return what, "", err
}

// fromConfiguration is a path as the configuration has it: below its own directory.
func (p *pushing) fromConfiguration(path string) string {
	if file := p.orders.config.File(); file != "" && !filepath.IsAbs(path) {
		return filepath.Join(filepath.Dir(file), path)
	}
	return path
}

// same tells whether what a target takes is what is given.
func (p *pushing) same(own string, given pushed) bool {
	if own == given.name {
		return true
	}
	a, err := os.Stat(p.fromConfiguration(own))
	b, problem := os.Stat(given.name)
	return err == nil && problem == nil && os.SameFile(a, b)
}

// locate is where a target of the configuration takes orders.
func (p *pushing) locate(name string, t *agent.Target) fleet.Target {
	host := cmp.Or(t.Hostname, name)
	if _, err := netip.ParseAddr(host); err != nil {
		host += p.orders.config.Build.PushDomainSuffix
	}
	u := url.URL{Scheme: "https", Host: net.JoinHostPort(host, cmp.Or(t.Port, defaultPort)), Path: cmp.Or(t.PathPush, pushPath)}
	if t.Insecure {
		u.Scheme = "http"
	}
	return fleet.Target{Name: name, URL: u.String()}
}

// Where an agent takes orders where nothing else is said.
const (
	defaultPort = "4000"
	pushPath    = "/etcha/v1/push"
)

// hostTarget is a machine that the command line names: a host, with a port or without, or a URL.
func hostTarget(text string) (fleet.Target, error) {
	bad := fmt.Errorf("%q: want HOST, HOST:PORT, or a URL like https://proxy/web1", text)
	if strings.Contains(text, "@") {
		return fleet.Target{}, errors.New("holds a user: machines know senders by what they sign")
	}
	u := &url.URL{Scheme: "https"}
	switch address, err := netip.ParseAddr(strings.Trim(text, "[]")); {
	case err == nil:
		u.Host = net.JoinHostPort(address.String(), defaultPort)
	case strings.Contains(text, "://"):
		if u, err = url.Parse(text); err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
			return fleet.Target{}, bad
		}
		u.Path = strings.TrimSuffix(u.Path, "/")
	default:
		host, port, err := net.SplitHostPort(text)
		if err != nil {
			host, port = text, defaultPort
		}
		t := agent.Target{Hostname: host, Port: port}
		if host == "" || strings.ContainsAny(host, ":?#%[]") || t.Validate() != nil {
			return fleet.Target{}, bad
		}
		u.Host = net.JoinHostPort(host, port)
	}
	if !strings.HasSuffix(u.Path, pushPath) {
		u.Path += pushPath
	}
	return fleet.Target{Name: text, URL: u.String()}, nil
}

// target is a machine with its order, in whose build the vars target and source say for whom and what it is.
func (p *pushing) target(t fleet.Target, what pushed, vars map[string]any) pushTarget {
	vars = pattern.Vars(vars, map[string]any{"target": t.Name, "source": p.orders.source})
	return pushTarget{t, func(ctx context.Context) ([]byte, error) { return p.order(ctx, what, vars) }}
}

// lineOrder is the order of a command line: one for all machines.
func (p *pushing) lineOrder(ctx context.Context, line string) ([]byte, error) {
	if raw := p.made[line]; raw != nil {
		return raw, nil
	}
	text, err := adHoc(line)
	if err != nil {
		return nil, err
	}
	const name = "/push.jsonnet"
	bundle := pattern.Bundle{Entrypoint: name, Files: map[string]string{name: text}}
	raw, err := signOrder(ctx, pattern.NewOrder(pattern.Pattern{}, bundle, "", nil, "writ-"+version, time.Now()), p.sign)
	p.made[line] = []byte(raw)
	return p.made[line], err
}

// compact is a list without what is there again.
func compact(names []string) (once []string) {
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}
