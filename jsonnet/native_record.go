package jsonnet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// recordKinds are the DNS records that getRecord knows.
var recordKinds = []string{"a", "aaaa", "cname", "txt"}

func getRecord() native {
	return native{"getRecord", []string{"type", "name"}, func(s *session, arguments []any) (any, error) {
		kind, err := textArgument("getRecord", "type", arguments[0])
		name, err2 := textArgument("getRecord", "name", arguments[1])
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		if kind = strings.ToLower(kind); !slices.Contains(recordKinds, kind) {
			return nil, fmt.Errorf("getRecord: type is none of %s", strings.Join(recordKinds, ", "))
		}
		if s.access.Record == nil {
			return nil, closed("getRecord", "ask for DNS records")
		}
		return s.once("getRecord", kind+" "+name, func() (any, error) {
			values, err := s.access.Record(s.ctx, kind, name)
			if s.ctx.Err() != nil {
				return nil, s.ctx.Err()
			}
			if err != nil {
				return missing("getRecord: %s of %s: %v", kind, name, err), nil
			}
			values = slices.Sorted(slices.Values(values))
			list := make([]any, len(values))
			for i, value := range values {
				s.bring(value)
				list[i] = value
			}
			return answered(list), nil
		})
	}}
}
