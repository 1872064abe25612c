//go:build !linux

package image

import (
	"errors"
	"io"
)

type unpacker struct {
	size, entries, bytes int64
	opaqueRoot           bool
}

// unpack needs overlayfs's forms, which only Linux has.
func unpack(io.Reader, string, bool, *budget, Limits) (*unpacker, error) {
	return &unpacker{}, errors.New("images are for Linux only")
}

func (u *unpacker) notes() []string { return nil }

func hidesLower(string) bool { return false }
