package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/writ-run/writ/api"
)

// The bounds of what is kept of an answer.
const (
	maxText  = 128 << 10 // of an output, and of an error
	maxName  = 4 << 10
	maxList  = 20_000
	maxEntry = 1 << 20
)

// received is an answer with the names that Etcha's guides have for two of its members.
type received struct {
	api.Pushed
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
}

// lookedOnly is the mode of an answer where nothing was changed: it was asked for, or the source is checkOnly.
const lookedOnly = "check"

// wrong is the State of what was refused as a mistake of ours; for who asks it is Failed.
const wrong State = "wrong"

// resultOf reads a whole answer.
func resultOf(p Push, status int, header http.Header, text []byte) Result {
	var r received
	isAnswer := json.Unmarshal(text, &r) == nil && bytes.HasPrefix(bytes.TrimSpace(text), []byte("{"))
	switch status {
	case http.StatusOK, http.StatusInternalServerError:
		if !isAnswer {
			break
		}
		return judged(p, status, r)
	case http.StatusNotFound:
		if len(bytes.TrimSpace(text)) > 0 {
			return Result{State: Odd, Err: "it answers 404 with a page, as a web server does: is an agent there, at this path?"}
		}
		return refused()
	case http.StatusConflict, http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		if isAnswer && r.Err != "" {
			return judged(p, status, r)
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return limited(status, header.Get("Retry-After"))
	}
	return Result{State: Odd, Err: fmt.Sprintf("it answers %d %s, as no agent does", status, http.StatusText(status))}
}

func refused() Result {
	return Result{
		State: Refused, Err: "there is no such source, or it takes no pushes, or the order was not verified",
		Hint: "the machine does not say which; its log does",
	}
}

func limited(status int, after string) Result {
	r := Result{State: Limited, Err: fmt.Sprintf("it answers %d %s: nothing ran", status, http.StatusText(status))}
	if seconds, err := strconv.ParseUint(after, 10, 31); err == nil {
		r.Err += fmt.Sprintf("; in %d s it may", seconds)
	}
	return r
}

// judged says what an agent's answer means.
func judged(p Push, status int, r received) Result {
	if r.ChangedIDs == nil {
		r.ChangedIDs = r.Changed
	}
	if r.RemovedIDs == nil {
		r.RemovedIDs = r.Removed
	}
	result := Result{Answer: bounded(r.Pushed), Err: short(r.Err, maxText)}
	switch {
	case status == http.StatusNotFound:
		return refused()
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return limited(status, "")
	case status == http.StatusConflict:
		result.State = Older
	case status == http.StatusBadRequest:
		result.State = wrong
	case status != http.StatusOK || r.Err != "":
		result.State = Failed
		if r.Err == "" {
			result.Err = "it says that it failed, and not why"
		}
	case r.Drift && r.Mode == lookedOnly && !p.Plan, p.Check && !p.Plan && (r.Drift || r.Mode == "" && len(r.ChangedIDs)+len(r.RemovedIDs) > 0): // Etcha has no word for it
		result.State = Drifted
	default:
		result.State = Done
	}
	return result
}

// bounded is an answer without what is too much of it.
func bounded(a api.Pushed) api.Pushed {
	a.Err = short(a.Err, maxText)
	a.ChangedIDs, a.RemovedIDs = texts(a.ChangedIDs, maxName), texts(a.RemovedIDs, maxName)
	a.ChangedOutputs, a.RemovedOutputs = texts(a.ChangedOutputs, maxText), texts(a.RemovedOutputs, maxText)
	a.Mode = short(a.Mode, maxName)
	a.Commands, a.Plan = a.Commands[:min(len(a.Commands), maxList)], a.Plan[:min(len(a.Plan), maxList)]
	for i := range a.Commands {
		c := &a.Commands[i]
		for _, text := range []*string{&c.Action, &c.Parent, &c.ID, &c.State, &c.By} {
			*text = short(*text, maxName)
		}
		c.Output = short(c.Output, maxText)
	}
	for i := range a.Plan {
		step := &a.Plan[i]
		for _, text := range []*string{&step.Action, &step.Parent, &step.ID, &step.Why} {
			*text = short(*text, maxName)
		}
	}
	return a
}

// texts is a list, which is there also where the answer had none.
func texts(list []string, most int) []string {
	out := make([]string, 0, min(len(list), maxList))
	for _, text := range list[:min(len(list), maxList)] {
		out = append(out, short(text, most))
	}
	return out
}

func short(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
