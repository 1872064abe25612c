package agent

import (
	"slices"
	"time"

	"github.com/writ-run/writ/command"
)

// SourceStatus is how a source stands.
type SourceStatus struct {
	Name        string       `json:"name"`
	Order       *OrderStatus `json:"order,omitzero"` // nil: none
	Commands    int          `json:"commands"`       // that ran last, of the order or the configuration; groups count as what is in them
	Left        []string     `json:"left,omitzero"`  // ids of Commands of earlier orders that are still to be removed
	Extra       []string     `json:"extra,omitzero"` // ids of Commands that may be on the machine beside the order's
	Running     []RunStatus  `json:"running,omitzero"`
	Waiting     int          `json:"waiting,omitzero"` // runs that wait for their turn
	LastRun     *RunStatus   `json:"lastRun,omitzero"`
	NextRun     time.Time    `json:"nextRun,omitzero"`
	Pull        *PullStatus  `json:"pull,omitzero"`        // the last one
	Mark        *Mark        `json:"mark,omitzero"`        // nil: nothing was accepted yet, or it is not known
	Refusals    []Refusal    `json:"refusals,omitzero"`    // the newest, oldest first
	Interrupted bool         `json:"interrupted,omitzero"` // the last agent was ended during a run, which was not made good yet
	Held        bool         `json:"held,omitzero"`        // there is an order that was refused: nothing runs in its place
	Trouble     []string     `json:"trouble,omitzero"`     // what is wrong with what is remembered
	CheckOnly   bool         `json:"checkOnly,omitzero"`
	TriggerOnly bool         `json:"triggerOnly,omitzero"`
}

// OrderStatus is the order that a source runs.
type OrderStatus struct {
	Digest   string    `json:"digest"` // sha256 of its Pattern, in hex
	Key      string    `json:"key"`    // that it was verified with
	ID       string    `json:"jti,omitzero"`
	Issuer   string    `json:"iss,omitzero"`
	Subject  string    `json:"sub,omitzero"`
	IssuedAt time.Time `json:"iat"`
	Expiry   time.Time `json:"exp,omitzero"`
	Since    time.Time `json:"since"` // it was accepted
}

// RunStatus is a run.
type RunStatus struct {
	ID       string    `json:"run,omitzero"` // of its record
	Trigger  string    `json:"trigger"`
	Mode     string    `json:"mode"`
	Status   string    `json:"status"` // running, succeeded, failed, errored, aborted
	Error    string    `json:"error,omitzero"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	Changed  []string  `json:"changed,omitzero"` // ids
	Removed  []string  `json:"removed,omitzero"`
	Drifted  []string  `json:"drifted,omitzero"`
	Failed   []string  `json:"failed,omitzero"`
	Commands int       `json:"commands"` // how many it looked at
}

// PullStatus is what came of a pull.
type PullStatus struct {
	Time   time.Time `json:"time"`
	Path   string    `json:"path,omitzero"` // where the order was
	Result string    `json:"result"`        // new, same, not modified, missing, failed
	Error  string    `json:"error,omitzero"`
	Next   time.Time `json:"next,omitzero"` // when it is tried again, where that is before the next run
}

// Refusal is what was refused.
type Refusal struct {
	Time     time.Time `json:"time"`
	Reason   string    `json:"reason"` // older, signature, ...: one of a few words
	By       string    `json:"by"`     // push, pull, restore, webhook
	From     string    `json:"from,omitzero"`
	Text     string    `json:"text,omitzero"`
	IssuedAt time.Time `json:"iat,omitzero"` // of an order that was verified
	Count    int       `json:"count"`        // of the same within a minute of one another
}

// shown is what status shows of a source, and nothing else needs.
type shown struct {
	trouble     map[string]string
	interrupted bool
	mark        *Mark
	refusals    []Refusal
	old         time.Time // when the order was issued that was refused last for its age
	running     []*RunStatus
	last        *RunStatus
	next        time.Time
	pull        *PullStatus
}

// Status is how each source stands, in the order of their names.
func (a *Agent) Status() []SourceStatus {
	all := []SourceStatus{}
	for _, s := range a.all() {
		all = append(all, s.status())
	}
	return all
}

func (s *source) status() SourceStatus {
	waiting := s.queue.length()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := SourceStatus{
		Name: s.name, Order: s.current.status(), Commands: len(leaves(s.ran.Commands)), Left: leaves(s.ran.Left), Extra: leaves(s.extras()), Waiting: waiting,
		LastRun: s.shown.last, NextRun: s.shown.next, Pull: s.shown.pull, Mark: s.shown.mark, Refusals: slices.Clone(s.shown.refusals),
		Interrupted: s.shown.interrupted, Held: s.held, CheckOnly: s.config.CheckOnly, TriggerOnly: s.config.TriggerOnly,
	}
	for _, run := range s.shown.running {
		st.Running = append(st.Running, *run)
	}
	for _, kind := range []string{troubleMark, troubleOrder, troubleRan, troubleWrite, troubleRecord} {
		if text := s.shown.trouble[kind]; text != "" {
			st.Trouble = append(st.Trouble, text)
		}
	}
	return st
}

func (o *order) status() *OrderStatus {
	if o == nil {
		return nil
	}
	claims := o.Order()
	st := &OrderStatus{
		Digest: o.digest, Key: o.Key(), ID: claims.ID, Issuer: claims.Issuer, Subject: claims.Subject,
		IssuedAt: claims.IssuedAt.Time().UTC(), Since: o.since.UTC(),
	}
	if claims.Expiry != 0 {
		st.Expiry = claims.Expiry.Time().UTC()
	}
	return st
}

// leaves are the ids of Commands that are no groups.
func leaves(list command.List) (ids []string) {
	for _, c := range list {
		if c.Commands != nil {
			ids = append(ids, leaves(c.Commands)...)
			continue
		}
		ids = append(ids, c.ID)
	}
	return ids
}

// begins shows a run that begins. What it returns shows that it has ended.
func (t *turn) begins(id string) (ended func(Outcome)) {
	running := &RunStatus{ID: id, Trigger: t.by, Mode: string(t.mode), Status: "running", Started: t.agent.now().UTC()}
	began := time.Now() // of the monotonic clock
	t.mu.Lock()
	t.shown.running = append(t.shown.running, running)
	t.mu.Unlock()
	return func(out Outcome) {
		done := *running
		done.Ended, done.Commands, done.Status = t.agent.now().UTC(), len(out.Result.Outcomes), string(statusOf(out.Err))
		done.Changed, done.Removed = out.Result.IDs(command.Changed), out.Result.IDs(command.Removed)
		done.Drifted, done.Failed = out.Result.IDs(command.Drifted), out.Result.IDs(command.Failed)
		done.Error = oneLine(out.Err)
		t.mu.Lock()
		t.shown.running = slices.DeleteFunc(t.shown.running, func(r *RunStatus) bool { return r == running })
		t.shown.last = &done
		t.mu.Unlock()
		t.agent.metrics.ran(t, out, time.Since(began))
	}
}
