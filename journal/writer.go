package journal

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxText bounds the text of one entry, in bytes. A longer line becomes several entries, all but the last Partial.
const maxText = 64 << 10

// Writer turns what a process writes into entries, one for each line. It is safe for concurrent use.
type Writer struct {
	sink Sink
	like Entry

	mu      sync.Mutex
	pending []byte
	closed  bool
}

// NewWriter returns a Writer whose entries are like one: they differ in Text (and Time, which the sink stamps) only.
func NewWriter(s Sink, like Entry) *Writer { return &Writer{sink: s, like: like} }

// Write takes any bytes. A line ends with \n or \r\n; within it, what stands before a \r was overwritten on a terminal,
// so only what follows the last one is kept, as a progress bar means it. Bytes that are not UTF-8 become U+FFFD.
func (w *Writer) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, errors.New("write after the end of the stream")
	}
	written := len(data)
	for {
		line, rest, found := bytes.Cut(data, []byte{'\n'})
		w.pending = append(w.pending, line...)
		if err := w.cut(); err != nil {
			return 0, err
		}
		if !found {
			return written, nil
		}
		if err := w.emit(false); err != nil {
			return 0, err
		}
		data = rest
	}
}

// cut emits the parts of a line that is too long.
func (w *Writer) cut() error {
	for len(w.pending) > maxText {
		end := maxText
		for end > maxText-utf8.UTFMax && !utf8.RuneStart(w.pending[end]) {
			end--
		}
		rest := bytes.Clone(w.pending[end:])
		w.pending = w.pending[:end]
		if err := w.emit(true); err != nil {
			return err
		}
		w.pending = rest
	}
	return nil
}

// emit appends what is pending as one entry.
func (w *Writer) emit(partial bool) error {
	text := w.pending
	if !partial {
		text = bytes.TrimSuffix(text, []byte{'\r'})
	}
	if last := bytes.LastIndexByte(text, '\r'); last >= 0 && last+1 < len(text) {
		text = text[last+1:]
	}
	e := w.like
	e.Text, e.Partial = strings.ToValidUTF8(string(text), "\ufffd"), partial
	w.pending = w.pending[:0]
	return w.sink.Append(e)
}

// Close emits a last line that has no end. Later writes fail.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if len(w.pending) == 0 {
		return nil
	}
	return w.emit(false)
}
