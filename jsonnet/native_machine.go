package jsonnet

import (
	"encoding/json"
	"fmt"
	"runtime"
)

func getArch() native {
	return native{"getArch", nil, func(*session, []any) (any, error) { return runtime.GOARCH, nil }}
}

func getOS() native {
	return native{"getOS", nil, func(*session, []any) (any, error) { return runtime.GOOS, nil }}
}

func getEnv() native {
	return native{"getEnv", []string{"key"}, func(s *session, arguments []any) (any, error) {
		name, err := textArgument("getEnv", "key", arguments[0])
		if err != nil {
			return nil, err
		}
		if s.access.Env == nil {
			return nil, closed("getEnv", "read environment variables")
		}
		value, set := s.access.Env(name)
		if !set {
			return missing("getEnv: %s is not set", name), nil
		}
		s.bring(value)
		return answered(value), nil
	}}
}

func getCmd() native {
	return native{"getCmd", []string{"command"}, func(s *session, arguments []any) (any, error) {
		command, err := textArgument("getCmd", "command", arguments[0])
		if err != nil {
			return nil, err
		}
		if s.access.Command == nil {
			return nil, closed("getCmd", "run commands")
		}
		return s.once("getCmd", command, func() (any, error) {
			output, err := s.access.Command(s.ctx, command)
			if s.ctx.Err() != nil {
				return nil, s.ctx.Err()
			}
			if err != nil {
				return missing("getCmd: %v", err), nil
			}
			s.bring(output)
			return answered(output), nil
		})
	}}
}

func getConfig() native {
	return native{"getConfig", nil, func(s *session, _ []any) (any, error) {
		if s.access.Config == nil {
			return nil, closed("getConfig", "read the configuration")
		}
		return s.once("getConfig", "", func() (any, error) {
			config, err := s.access.Config()
			if err != nil {
				return nil, fmt.Errorf("getConfig: %w", err)
			}
			return plain(config)
		})
	}}
}

// plain is a value as encoding/json decodes it, which is what the evaluator takes.
func plain(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var result any
	err = json.Unmarshal(text, &result)
	return result, err
}
