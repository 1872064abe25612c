package agent

import (
	"context"
	"errors"
	"sync"
)

// maxWaiting bounds the runs that wait for their source's turn.
const maxWaiting = 2000

// ErrBusy means that too many runs wait for the source.
var ErrBusy = errors.New("too many runs wait for this source")

// queue gives turns, one at a time, in the order in which they were asked for. Its zero value is good.
type queue struct {
	mu      sync.Mutex
	taken   bool
	waiting []chan struct{} // each is closed when its turn has come
}

// enter waits for a turn, which leave ends.
func (q *queue) enter(ctx context.Context) error {
	q.mu.Lock()
	if !q.taken {
		q.taken = true
		q.mu.Unlock()
		return nil
	}
	if len(q.waiting) >= maxWaiting {
		q.mu.Unlock()
		return ErrBusy
	}
	turn := make(chan struct{})
	q.waiting = append(q.waiting, turn)
	q.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	for i, other := range q.waiting {
		if other == turn {
			q.waiting = append(q.waiting[:i:i], q.waiting[i+1:]...)
			q.mu.Unlock()
			return ctx.Err()
		}
	}
	q.mu.Unlock()
	q.leave() // its turn came meanwhile
	return ctx.Err()
}

// leave passes the turn on.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.taken = false
		return
	}
	close(q.waiting[0])
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
}

// length is how many wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}
