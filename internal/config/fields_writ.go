package config

// writFields are the keys of our own sections.
func writFields() []field {
	return []field{
		{key: "issuer.url", what: "text", text: true, pointer: func(c *Config, _ []string) any { return &c.Issuer.URL }},
		{key: "issuer.identityFile", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.Issuer.IdentityFile }},
		{key: "issuer.algorithm", what: "RS256, ES256 or EdDSA", text: true, pointer: func(c *Config, _ []string) any { return &c.Issuer.Algorithm }},
		{key: "issuer.identity", what: "a list of objects {rule, enabled, env, audiences, files}", pointer: func(c *Config, _ []string) any { return &c.Issuer.Identity },
			members: map[string][]string{"": {"rule", "enabled", "env", "audiences", "files"}, "files": {"path", "audience"}}},
		{key: "issuer.introspectRate", what: "a number", pointer: func(c *Config, _ []string) any { return &c.Issuer.IntrospectRate }},
		{key: "issuer.rotation.period", what: "a duration like 7d or 36h, 0 for never", text: true, pointer: func(c *Config, _ []string) any { return &c.Issuer.Rotation.Period }},
		{key: "issuer.rotation.cache", what: "a duration like 1h or 90m", text: true, pointer: func(c *Config, _ []string) any { return &c.Issuer.Rotation.Cache }},
		{key: "server.listen", what: "HOST:PORT", text: true, pointer: func(c *Config, _ []string) any { return &c.Server.Listen }},
		{key: "server.data", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.Server.Data }},
		{key: "server.socket", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.Server.Socket }},
		{key: "server.socketAllow", what: "a list of objects {uid, teams}", pointer: func(c *Config, _ []string) any { return &c.Server.SocketAllow },
			members: map[string][]string{"": {"uid", "teams"}}},
		{key: "server.tlsCert", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.Server.TLSCert }},
		{key: "server.tlsKey", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.Server.TLSKey }},
		{key: "server.orders", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.Server.Orders }},
		{key: "container.runtime", what: "auto, process or oci", text: true, pointer: func(c *Config, _ []string) any { return &c.Container.Runtime }},
		{key: "container.command", what: "the name or path of an OCI runtime", text: true, pointer: func(c *Config, _ []string) any { return &c.Container.Command }},
		{key: "container.imageCache", what: "a path", text: true, path: true, pointer: func(c *Config, _ []string) any { return &c.Container.ImageCache }},
		{key: "container.imageCacheBytes", what: "a number", pointer: func(c *Config, _ []string) any { return &c.Container.ImageCacheBytes }},
		{key: "container.registryMirrors", what: "an object {registry: mirror}", pointer: func(c *Config, _ []string) any { return &c.Container.RegistryMirrors }},
		{key: "container.insecureRegistries", what: "a list of hosts", pointer: func(c *Config, _ []string) any { return &c.Container.InsecureRegistries }},
		{key: "container.network", what: "pasta or host", text: true, pointer: func(c *Config, _ []string) any { return &c.Container.Network }},
	}
}
