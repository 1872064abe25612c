package config

import (
	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/internal/config/form"
)

// source returns the source of a name, which it makes where there is none.
func source(c *Config, names []string) *agent.Source {
	if c.Sources == nil {
		c.Sources = map[string]*agent.Source{}
	}
	if c.Sources[names[0]] == nil {
		c.Sources[names[0]] = new(agent.Source)
	}
	return c.Sources[names[0]]
}

// target returns the target of a name, which it makes where there is none.
func target(c *Config, names []string) *agent.Target {
	if c.Targets == nil {
		c.Targets = map[string]*agent.Target{}
	}
	if c.Targets[names[0]] == nil {
		c.Targets[names[0]] = new(agent.Target)
	}
	return c.Targets[names[0]]
}

// agentFields are the keys of the rooms agent and push.
func agentFields() []field {
	fields := []field{
		{key: "run.jwtRule", what: "a rule", text: true, pointer: func(c *Config, _ []string) any { return &c.Run.JWTRule }},
		{key: "run.randomizedStartDelaySec", what: "a number of seconds", pointer: func(c *Config, _ []string) any { return &form.Seconds{To: &c.Run.StartDelay} }},
		{key: "run.stateDir", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.Run.StateDir }},
		{key: "run.systemMetricsKey", what: "text", text: true, pointer: func(c *Config, _ []string) any { return &c.Run.MetricsKey }},
		{key: "run.timeoutPush", what: aDuration, text: true, pointer: func(c *Config, _ []string) any { return &form.Duration{To: &c.Run.PushTimeout} }},
		{key: "run.timeoutWebhook", what: aDuration, text: true, pointer: func(c *Config, _ []string) any { return &form.Duration{To: &c.Run.WebhookTimeout} }},
		{key: "run.verifyCommands", what: "a list of Commands", pointer: func(c *Config, _ []string) any { return &form.Commands{To: &c.Run.VerifyCommands} }},
		{key: "run.verifyKeys", what: "a list of keys", pointer: func(c *Config, _ []string) any { return &form.Keys{To: &c.Run.VerifyKeys} }},
		{key: "run.jwtFilters", loose: true, refused: useRule},

		{key: "httpServer.listenAddress", what: "HOST:PORT", text: true, pointer: func(c *Config, _ []string) any { return &c.HTTPServer.ListenAddress }},
		{key: "httpServer.rateLimitRate", what: "a rate like 10-M or 100-S", text: true, pointer: func(c *Config, _ []string) any { return &form.Rate{To: &c.HTTPServer.RateLimit} }},
		{key: "httpServer.rateLimitConnections", what: "a number of connections", pointer: func(c *Config, _ []string) any { return &c.HTTPServer.RateLimitConnections }},
		{key: "httpServer.certificateBase64", what: "a certificate in base64", text: true, pointer: func(c *Config, _ []string) any { return &c.HTTPServer.CertificateBase64 }},
		{key: "httpServer.certificatePath", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.HTTPServer.CertificatePath }},
		{key: "httpServer.keyBase64", what: "a private key in base64", text: true, pointer: func(c *Config, _ []string) any { return &c.HTTPServer.KeyBase64 }},
		{key: "httpServer.keyPath", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.HTTPServer.KeyPath }},
		{key: "httpServer.selfSignedCertificate", what: "true or false", pointer: func(c *Config, _ []string) any { return &c.HTTPServer.SelfSignedCertificate }},
		{key: "httpServer.trustedProxies", what: "a list of addresses and networks", pointer: func(c *Config, _ []string) any { return &c.HTTPServer.TrustedProxies }},
		{key: "httpServer.clientCAs", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.HTTPServer.ClientCAs }},
		{key: "httpClient.tlsSkipVerify", what: "true or false", pointer: func(c *Config, _ []string) any { return &c.HTTPClient.TLSSkipVerify }},
		{key: "httpClient.noSystemCA", what: "true or false", pointer: func(c *Config, _ []string) any { return &c.HTTPClient.NoSystemCA }},
		{key: "httpClient.serverCAs", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.HTTPClient.ServerCAs }},
		{key: "httpClient.pinnedFingerprints", what: "a list of fingerprints", pointer: func(c *Config, _ []string) any { return &c.HTTPClient.PinnedFingerprints }},
		{key: "httpClient.certificatePath", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.HTTPClient.CertificatePath }},
		{key: "httpClient.keyPath", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.HTTPClient.KeyPath }},
	}
	fields = append(fields, execFields("run.verifyExec", func(c *Config, _ []string) *command.Exec { return made(&c.Run.VerifyExec) })...)
	fields = append(fields, sourceFields()...)
	return append(fields, targetFields()...)
}

const (
	aDuration = "a duration like 10m, 1h30m or 7d"
	useRule   = "Etcha has retired it; say the same as a rule in jwtRule, like any(aud, # matches 'web.*')"
)

func sourceFields() []field {
	var fields []field
	add := func(f field, pointer func(*agent.Source) any) {
		f.key = "sources.*." + f.key
		if pointer != nil {
			f.pointer = func(c *Config, n []string) any { return pointer(source(c, n)) }
		}
		fields = append(fields, f)
	}
	add(field{key: "allowPush", what: "true or false"}, func(s *agent.Source) any { return &s.AllowPush })
	add(field{key: "audience", what: "a list of texts"}, func(s *agent.Source) any { return &form.Texts{To: &s.Audience} })
	add(field{key: "checkOnly", what: "true or false"}, func(s *agent.Source) any { return &s.CheckOnly })
	add(field{key: "commands", what: "a list of Commands"}, func(s *agent.Source) any { return &s.Commands })
	add(field{key: "eventsReceive", what: "a list of texts"}, func(s *agent.Source) any { return &s.Events.Receive })
	add(field{key: "eventsSend", what: "a regular expression", text: true}, func(s *agent.Source) any { return &s.Events.Send })
	add(field{key: "jwtRule", what: "a rule", text: true}, func(s *agent.Source) any { return &s.JWTRule })
	add(field{key: "noRemove", what: "true or false"}, func(s *agent.Source) any { return &s.NoRemove })
	add(field{key: "noRestore", what: "true or false"}, func(s *agent.Source) any { return &s.NoRestore })
	add(field{key: "pullIgnoreVersion", what: "true or false"}, func(s *agent.Source) any { return &s.PullIgnoreVersion })
	add(field{key: "pullPaths", what: "a list of paths and URLs", path: true}, func(s *agent.Source) any { return &form.PullPaths{To: &s.PullPaths} })
	add(field{key: "runFrequency", what: aDuration, text: true}, func(s *agent.Source) any { return &form.Duration{To: &s.RunFrequency} })
	add(field{key: "runMulti", what: "true or false"}, func(s *agent.Source) any { return &s.RunMulti })
	add(field{key: "triggerOnly", what: "true or false"}, func(s *agent.Source) any { return &s.TriggerOnly })
	add(field{key: "vars.*", what: "any value", loose: true, pointer: func(c *Config, n []string) any { return &form.Entry[any]{In: &source(c, n).Vars, Name: n[1]} }}, nil)
	add(field{key: "verifyCommands", what: "a list of Commands"}, func(s *agent.Source) any { return &form.Commands{To: &s.VerifyCommands} })
	add(field{key: "verifyKeys", what: "a list of keys"}, func(s *agent.Source) any { return &form.Keys{To: &s.VerifyKeys} })
	add(field{key: "webhookPaths", what: "a list of paths"}, func(s *agent.Source) any { return &s.WebhookPaths })
	add(field{key: "webhookSecrets", what: "a list of texts"}, func(s *agent.Source) any { return &form.Secrets{To: &s.Webhooks.Secrets} })
	add(field{key: "webhookVerify", what: "github, gitlab or standard", text: true}, func(s *agent.Source) any { return &s.Webhooks.Verify })
	add(field{key: "jwtFilters", loose: true, refused: useRule}, nil)
	add(field{key: "shell", loose: true, refused: "writ opens no shells on other machines; leave it out"}, nil)
	fields = append(fields, execFields("sources.*.exec", func(c *Config, n []string) *command.Exec { return made(&source(c, n).Exec) })...)
	return append(fields, execFields("sources.*.verifyExec", func(c *Config, n []string) *command.Exec { return made(&source(c, n).VerifyExec) })...)
}

func targetFields() []field {
	return []field{
		{key: "targets.*.hostname", what: "text", text: true, pointer: func(c *Config, n []string) any { return &target(c, n).Hostname }},
		{key: "targets.*.insecure", what: "true or false", pointer: func(c *Config, n []string) any { return &target(c, n).Insecure }},
		{key: "targets.*.pathPush", what: "text", text: true, pointer: func(c *Config, n []string) any { return &target(c, n).PathPush }},
		{key: "targets.*.port", what: "a number", text: true, pointer: func(c *Config, n []string) any { return &form.Port{To: &target(c, n).Port} }},
		{key: "targets.*.sourcePatterns.*", what: "text", text: true, pointer: func(c *Config, n []string) any {
			return &form.Entry[string]{In: &target(c, n).SourcePatterns, Name: n[1]}
		}},
		{key: "targets.*.vars.*", what: "any value", loose: true, pointer: func(c *Config, n []string) any { return &form.Entry[any]{In: &target(c, n).Vars, Name: n[1]} }},
	}
}
