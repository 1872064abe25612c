package jsonnet

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"
)

// maxRandom is the longest random text.
const maxRandom = 4096

func randStr() native {
	return native{"randStr", []string{"length"}, func(_ *session, arguments []any) (any, error) {
		length, isNumber := arguments[0].(float64)
		if !isNumber || length < 0 || length > maxRandom || length != float64(int(length)) {
			return nil, fmt.Errorf("randStr: length must be a whole number from 0 to %d", maxRandom)
		}
		return randomText(int(length)), nil
	}}
}

// randomText draws from letters and digits, each alike.
func randomText(length int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var text strings.Builder
	var draw [64]byte
	for text.Len() < length {
		rand.Read(draw[:])
		for _, b := range draw {
			if b &= 63; int(b) < len(alphabet) && text.Len() < length {
				text.WriteByte(alphabet[b])
			}
		}
	}
	return text.String()
}

func regexMatch() native {
	return native{"regexMatch", []string{"regex", "string"}, func(_ *session, arguments []any) (any, error) {
		pattern, err := textArgument("regexMatch", "regex", arguments[0])
		text, err2 := textArgument("regexMatch", "string", arguments[1])
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		expression, err := regexp.Compile(pattern)
		if err != nil {
			return nil, fmt.Errorf("regexMatch: %w", err)
		}
		return expression.MatchString(text), nil
	}}
}

// renderTemplate fills in a template of Go's text/template. A member that is not there is an error.
func renderTemplate() native {
	return native{"renderTemplate", []string{"template", "values"}, func(s *session, arguments []any) (any, error) {
		text, err := textArgument("renderTemplate", "template", arguments[0])
		if err != nil {
			return nil, err
		}
		parsed, err := template.New("renderTemplate").Option("missingkey=error").Parse(text)
		if err == nil {
			out := &bounded{ctx: s.ctx, limit: s.limits.Bytes}
			if err = parsed.Execute(out, arguments[1]); err == nil {
				return out.String(), nil
			}
		}
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}}
}

// bounded is a buffer of limited size, which takes nothing more once ctx has ended.
type bounded struct {
	ctx    context.Context
	limit  int
	buffer bytes.Buffer
}

func (b *bounded) Write(data []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.buffer.Len()+len(data) > b.limit {
		return 0, fmt.Errorf("the result has more than %d bytes (the limit of bytes)", b.limit)
	}
	return b.buffer.Write(data)
}

func (b *bounded) String() string { return b.buffer.String() }
