package command

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

const (
	maxPart  = 512 << 10 // how much of an output's beginning is kept, and how much of its end, where a Runner says nothing else
	maxShown = 2 * maxPart
	maxAll   = 64 << 20 // how much output a Result has in all before less is kept of each
	lessPart = 4 << 10  // that is so much of its beginning, and of its end
)

// capture keeps the head and the tail of what is written to it, counts the rest, and shows somebody the beginning.
type capture struct {
	on   io.Writer // nil: nobody; its errors are its owner's
	head []byte
	tail []byte // a ring once it is full
	next int    // where in a full ring the next byte goes
	part int    // how much of each is kept
	size int64
	sum  hash.Hash
}

func newCapture(part int) *capture {
	if part <= 0 {
		part = maxPart
	}
	return &capture{part: part, sum: sha256.New()}
}

// Write takes anything and never fails: a script must not, because nobody can read what it says.
func (c *capture) Write(data []byte) (int, error) {
	if c.on != nil && c.size < maxShown {
		_, _ = c.on.Write(data[:min(int64(len(data)), maxShown-c.size)])
	}
	c.size += int64(len(data))
	c.sum.Write(data)
	room := min(len(data), c.part-len(c.head))
	c.head = append(c.head, data[:room]...)
	c.keepTail(data[room:])
	return len(data), nil
}

func (c *capture) keepTail(data []byte) {
	data = data[max(0, len(data)-c.part):]
	room := min(len(data), c.part-len(c.tail))
	c.tail = append(c.tail, data[:room]...)
	for data = data[room:]; len(data) > 0; {
		n := copy(c.tail[c.next:], data)
		c.next, data = (c.next+n)%c.part, data[n:]
	}
}

// less is an output of which less is kept.
func (o Output) less() Output {
	if len(o.Head)+len(o.Tail) <= 2*lessPart {
		return o
	}
	whole := append(bytes.Clone(o.Head), o.Tail...)
	o.Head, o.Tail = bytes.Clone(whole[:lessPart]), bytes.Clone(whole[len(whole)-lessPart:])
	return o
}

// output is what was captured, in no more memory than it needs.
func (c *capture) output() Output {
	if c.size == 0 {
		return Output{}
	}
	o := Output{Head: bytes.Clone(c.head), Size: c.size, Digest: "sha256:" + hex.EncodeToString(c.sum.Sum(nil))}
	if len(c.tail) > 0 {
		o.Tail = append(append(make([]byte, 0, len(c.tail)), c.tail[c.next:]...), c.tail[:c.next]...)
	}
	return o
}
