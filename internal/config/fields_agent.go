package config

import (
	"github.com/writ-run/writ/agent"
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
	return []field{
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
}

const (
	aDuration = "a duration like 10m, 1h30m or 7d"
	useRule   = "Etcha has retired it; say the same as a rule in jwtRule, like any(aud, # matches 'web.*')"
)

func sourceFields() []field {
	return []field{
		{key: "sources.*.allowPush", what: "true or false", pointer: func(c *Config, n []string) any { return &source(c, n).AllowPush }},
		{key: "sources.*.audience", what: "a list of texts", pointer: func(c *Config, n []string) any { return &form.Texts{To: &source(c, n).Audience} }},
		{key: "sources.*.checkOnly", what: "true or false", pointer: func(c *Config, n []string) any { return &source(c, n).CheckOnly }},
		{key: "sources.*.commands", what: "a list of Commands", pointer: func(c *Config, n []string) any { return &source(c, n).Commands }},
		{key: "sources.*.eventsReceive", what: "a list of texts", pointer: func(c *Config, n []string) any { return &source(c, n).Events.Receive }},
		{key: "sources.*.eventsSend", what: "a regular expression", text: true, pointer: func(c *Config, n []string) any { return &source(c, n).Events.Send }},
		{key: "sources.*.jwtRule", what: "a rule", text: true, pointer: func(c *Config, n []string) any { return &source(c, n).JWTRule }},
		{key: "sources.*.noRemove", what: "true or false", pointer: func(c *Config, n []string) any { return &source(c, n).NoRemove }},
		{key: "sources.*.noRestore", what: "true or false", pointer: func(c *Config, n []string) any { return &source(c, n).NoRestore }},
		{key: "sources.*.pullIgnoreVersion", what: "true or false", pointer: func(c *Config, n []string) any { return &source(c, n).PullIgnoreVersion }},
		{key: "sources.*.pullPaths", what: "a list of paths and URLs", path: true, pointer: func(c *Config, n []string) any { return &form.PullPaths{To: &source(c, n).PullPaths} }},
		{key: "sources.*.runFrequency", what: aDuration, text: true, pointer: func(c *Config, n []string) any { return &form.Duration{To: &source(c, n).RunFrequency} }},
		{key: "sources.*.runMulti", what: "true or false", pointer: func(c *Config, n []string) any { return &source(c, n).RunMulti }},
		{key: "sources.*.triggerOnly", what: "true or false", pointer: func(c *Config, n []string) any { return &source(c, n).TriggerOnly }},
		{key: "sources.*.vars.*", what: "any value", loose: true, pointer: func(c *Config, n []string) any { return &form.Entry[any]{In: &source(c, n).Vars, Name: n[1]} }},
		{key: "sources.*.verifyCommands", what: "a list of Commands", pointer: func(c *Config, n []string) any { return &form.Commands{To: &source(c, n).VerifyCommands} }},
		{key: "sources.*.verifyKeys", what: "a list of keys", pointer: func(c *Config, n []string) any { return &form.Keys{To: &source(c, n).VerifyKeys} }},
		{key: "sources.*.webhookPaths", what: "a list of paths", pointer: func(c *Config, n []string) any { return &source(c, n).WebhookPaths }},
		{key: "sources.*.webhookSecrets", what: "a list of texts", pointer: func(c *Config, n []string) any { return &form.Secrets{To: &source(c, n).Webhooks.Secrets} }},
		{key: "sources.*.webhookVerify", what: "github, gitlab or standard", text: true, pointer: func(c *Config, n []string) any { return &source(c, n).Webhooks.Verify }},
		{key: "sources.*.jwtFilters", loose: true, refused: useRule},
		{key: "sources.*.shell", loose: true, refused: "writ opens no shells on other machines; leave it out"},
	}
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
