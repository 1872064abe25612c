package trust

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// yamlText is a YAML document, indented by two.
func yamlText(value any) string {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(value); err != nil {
		panic("trust: " + err.Error()) // maps, lists, text and booleans of ours
	}
	return out.String()
}
