package apart

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/writ-run/writ/jsonnet"
)

// message is what a child and its parent tell one another: the parent what to evaluate, the child what it
// needs, the parent the answer, ..., the child how it ended. One at a time, each answered.
type message struct {
	Kind      string         `json:"kind"` // plan, answer; a name of calls; done, failed
	Arguments []string       `json:"arguments,omitempty"`
	Found     bool           `json:"found,omitempty"`
	Error     string         `json:"error,omitempty"`
	Problem   *jsonnet.Error `json:"problem,omitempty"`
	body      []byte
}

// plan is the body of the first message.
type plan struct {
	Entrypoint, Dir string
	Granted         []string // the calls that are
	Limits          jsonnet.Limits
}

// maxHead bounds a message without its body.
const maxHead = 8 << 20

func (m message) write(to io.Writer) error {
	head, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(head) > maxHead {
		return errors.New("a call with arguments of that length is not possible")
	}
	frame := make([]byte, 8, 8+len(head)+len(m.body))
	binary.BigEndian.PutUint32(frame, uint32(len(head)))
	binary.BigEndian.PutUint32(frame[4:], uint32(len(m.body)))
	_, err = to.Write(append(append(frame, head...), m.body...))
	return err
}

// readMessage reads a message with a body of at most limit bytes.
func readMessage(from io.Reader, limit int) (m message, err error) {
	var sizes [8]byte
	if _, err := io.ReadFull(from, sizes[:]); err != nil {
		return m, err
	}
	head, body := binary.BigEndian.Uint32(sizes[:]), binary.BigEndian.Uint32(sizes[4:])
	if head > maxHead || int64(body) > int64(limit) {
		return m, fmt.Errorf("a message of %d and %d bytes", head, body)
	}
	data := make([]byte, head)
	if _, err := io.ReadFull(from, data); err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	m.body = make([]byte, body)
	_, err = io.ReadFull(from, m.body)
	return m, err
}
