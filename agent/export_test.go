package agent

import (
	"net/http"
	"time"

	"github.com/writ-run/writ/internal/listen"
)

// Hurry shortens the time that a request and its answer may take, and that between signs of life. It is called before
// Apply.
func (s *Server) Hurry(bound, beat time.Duration) {
	b := listen.PublicBounds()
	b.Header, b.Read, b.Idle = bound, bound, bound
	s.bind(b)
	s.web.WriteTimeout = 2 * bound
	s.beat = beat
}

// Held is how much of bodies is held now.
func (s *Server) Held() int64 {
	s.bodies.mu.Lock()
	defer s.bodies.mu.Unlock()
	return s.bodies.held
}

// Answer is the whole HTTP side.
func (s *Server) Answer(w http.ResponseWriter, r *http.Request) { s.answer(w, r) }
