package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/internal/config/form"
)

// aliases are the other names of keys: those that Etcha's documents spell in two ways, and those that it has retired.
func aliases() []alias {
	all := []alias{
		{key: "build.signCommands", to: "build.signingCommands"},
		{key: "run.systemMetricsSecret", to: "run.systemMetricsKey"},

		{key: "build.linters", to: "lint.linters", retired: true},
		{key: "build.pushTargets", to: "targets", retired: true},
		{key: "build.pushTLSSkipVerify", to: "httpClient.tlsSkipVerify", retired: true},
		{key: "run.listenAddress", to: "httpServer.listenAddress", retired: true},
		{key: "run.rateLimiterRate", to: "httpServer.rateLimitRate", retired: true},
		{key: "run.tlsCertificateBase64", to: "httpServer.certificateBase64", retired: true},
		{key: "run.tlsCertificatePath", to: "httpServer.certificatePath", retired: true},
		{key: "run.tlsKeyBase64", to: "httpServer.keyBase64", retired: true},
		{key: "run.tlsKeyPath", to: "httpServer.keyPath", retired: true},
		{key: "http.listenAddress", to: "httpServer.listenAddress", retired: true},
		{key: "http.rateLimitKey", to: "httpServer.rateLimitKey", retired: true},
		{key: "http.rateLimitPatterns", to: "httpServer.rateLimitPatterns", retired: true},
		{key: "http.tlsCertificateBase64", to: "httpServer.certificateBase64", retired: true},
		{key: "http.tlsCertificatePath", to: "httpServer.certificatePath", retired: true},
		{key: "http.tlsKeyBase64", to: "httpServer.keyBase64", retired: true},
		{key: "http.tlsKeyPath", to: "httpServer.keyPath", retired: true},
		{key: "sources.*.pullTargets", to: "sources.*.pullPaths", retired: true},
		{key: "sources.*.runExec", to: "sources.*.exec", retired: true},
		{key: "sources.*.runFrequencySec", to: "sources.*.runFrequency", retired: true, convert: secondsText},
		{key: "targets.*.sources", to: "targets.*.sourcePatterns", retired: true, convert: anyPattern},
	}
	for _, h := range execs() {
		all = append(all, alias{key: h.key + ".envInheirt", to: h.key + ".envInherit"})
	}
	return all
}

// secondsText makes a duration of a number of seconds.
func secondsText(value jsontext.Value) (jsontext.Value, error) {
	var d time.Duration
	if err := json.Unmarshal(value, &form.Seconds{To: &d}); err != nil {
		return nil, fmt.Errorf("want a number of seconds, not %s", form.Kind(value.Kind()))
	}
	return json.Marshal(d.String())
}

// anyPattern makes of a list of sources an object that lets any Pattern be pushed to them.
func anyPattern(value jsontext.Value) (jsontext.Value, error) {
	var sources []string
	if value.Kind() == '{' { // a guide uses the old name with the new form
		return value, nil
	}
	if err := json.Unmarshal(value, &sources); err != nil {
		return nil, fmt.Errorf("want a list of texts")
	}
	patterns := map[string]string{}
	for _, name := range sources {
		patterns[name] = ""
	}
	return json.Marshal(patterns, json.Deterministic(true))
}

// environmentList makes an object of a list of NAME=value, as variables were once written.
func environmentList(value jsontext.Value) (jsontext.Value, error) {
	var pairs []string
	if err := json.Unmarshal(value, &pairs); err != nil {
		return nil, fmt.Errorf("want an object {NAME: value}, or a list of texts NAME=value")
	}
	variables := map[string]string{}
	for i, pair := range pairs {
		name, text, found := strings.Cut(pair, "=")
		if !found {
			return nil, fmt.Errorf("element %d is not NAME=value", i)
		}
		variables[name] = text
	}
	return json.Marshal(variables, json.Deterministic(true))
}
