package api

// PushPath is where an agent takes orders; the name of the source follows, escaped as one element of a path.
//
// Status 200: the order ran (or was there already), and every Command was well. 500: it ran, and one failed. 404, without a
// body: there is no such source, or it does not take pushes, or the order was not verified; which of these is not said. 409:
// the order is older than one that was accepted before. 400: a parameter is wrong, and nothing ran. 413: the order is too
// large. 429 and 503 with Retry-After: too much at once, and nothing ran. All others but 404 and 405 have a Pushed as well.
const PushPath = "/etcha/v1/push/"

// Parameters of a push, in its query. Any other is refused: it may be one that restricts what runs.
const (
	PushCheck = "check" // run checks only
	PushPlan  = "plan"  // run nothing, and remember nothing
	PushOnly  = "only"  // run only Commands whose id, or a group's id, this expression matches as a whole
)

// MaxPushed bounds the JSON of a Pushed.
const MaxPushed = 16 << 20

// EventStream is the media type of an answer that is sent while the order runs, for who accepts it: server-sent events
// (the HTML standard, section 9.2). Its status is 200 in any case; that of Pushed counts.
const EventStream = "text/event-stream"

// The events of such an answer.
const (
	EntryEvent  = "entry"  // data is an entry of package journal
	ResultEvent = "result" // data is a Pushed; it is the last event
)

// Pushed is what became of an order that was pushed. The first members are Etcha's, which has no others.
type Pushed struct {
	ChangedIDs     []string `json:"changedIDs"`     // ids of Commands that were changed; of a check: that would be
	ChangedOutputs []string `json:"changedOutputs"` // what each of them printed, cut in the middle where it was long
	Err            string   `json:"err"`            // empty: all was well
	Exit           bool     `json:"exit"`           // a Command asked the agent to end
	RemovedIDs     []string `json:"removedIDs"`
	RemovedOutputs []string `json:"removedOutputs"`

	Status   int             `json:"status,omitzero"`   // the answer's, had it not been sent as events
	Mode     string          `json:"mode,omitzero"`     // change or check
	Drift    bool            `json:"drift,omitzero"`    // of a check: something is to be done
	Commands []PushedCommand `json:"commands,omitzero"` // what became of each, in order
	Plan     []PushedStep    `json:"plan,omitzero"`     // where that was asked for
	Omitted  int             `json:"omitted,omitzero"`  // entries, Commands or steps that are left out: there were too many
}

// PushedCommand is what became of a Command.
type PushedCommand struct {
	Action  string  `json:"action"` // change or remove
	Parent  string  `json:"parent,omitzero"`
	ID      string  `json:"id"`
	State   string  `json:"state"`
	By      string  `json:"by,omitzero"`     // the id of the Command that set it off
	Exit    int     `json:"exit,omitzero"`   // of its last script
	Seconds float64 `json:"seconds"`         // of all its scripts
	Output  string  `json:"output,omitzero"` // of the script that failed, cut in the middle where it was long
}

// PushedStep is a step of a plan.
type PushedStep struct {
	Action string `json:"action"`
	Parent string `json:"parent,omitzero"`
	ID     string `json:"id"`
	Why    string `json:"why"`
}
