package command

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/internal/strict"
)

// UnmarshalJSONFrom reads a list, flattens the lists in it and leaves out nulls.
func (l *List) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	*l = nil
	switch kind := from.PeekKind(); kind {
	case 'n':
		return from.SkipValue()
	case '[':
		return l.append(from)
	case 0:
		_, err := from.ReadToken()
		return err
	default:
		return strict.Refuse(from, kind, "a list of Commands")
	}
}

// append reads the list that begins here. The decoder bounds how deep lists nest.
func (l *List) append(from *jsontext.Decoder) error {
	if _, err := from.ReadToken(); err != nil {
		return err
	}
	for {
		switch kind := from.PeekKind(); kind {
		case ']':
			_, err := from.ReadToken()
			return err
		case 'n':
			if err := from.SkipValue(); err != nil {
				return err
			}
		case '[':
			if err := l.append(from); err != nil {
				return err
			}
		case '{':
			var c Command
			if err := json.UnmarshalDecode(from, &c); err != nil {
				return err
			}
			*l = append(*l, c)
		case 0:
			_, err := from.ReadToken()
			return err
		default:
			return strict.Refuse(from, kind, "a Command, or a list of them")
		}
	}
}

// UnmarshalJSONFrom reads a Command strictly.
func (c *Command) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	type plain Command
	var read struct {
		plain
		Commands group `json:"commands"`
	}
	if err := strict.Decode(from, &read, func() []string { return strict.Members(Command{}) }); err != nil {
		return err
	}
	*c = Command(read.plain)
	c.Commands = List(read.Commands)
	return nil
}

// group is the list of a group, which may be empty. Nil: there is no list, and so no group.
type group List

// UnmarshalJSONFrom reads what a List reads.
func (g *group) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	isList := from.PeekKind() == '['
	if err := (*List)(g).UnmarshalJSONFrom(from); err != nil {
		return err
	}
	if isList && *g == nil {
		*g = group{}
	}
	return nil
}

// UnmarshalJSONFrom reads a string or a list of strings.
func (t *Targets) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	*t = nil
	switch kind := from.PeekKind(); kind {
	case '"':
		token, err := from.ReadToken()
		if err == nil {
			*t = Targets{token.String()}
		}
		return err
	case '{', 't', 'f', '0':
		return strict.Refuse(from, kind, "a string or a list of strings")
	}
	type plain Targets
	return strict.Decode(from, (*plain)(t), func() []string { return nil })
}
