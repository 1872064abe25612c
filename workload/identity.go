package workload

import "github.com/writ-run/writ/token"

// Identity is the payload of an identity token.
type Identity struct {
	token.Registered
	Team         string         `json:"team"`
	TeamID       int64          `json:"teamid"`
	Pipeline     string         `json:"pipeline,omitzero"`
	PipelineID   int64          `json:"pipelineid,omitzero"`
	InstanceVars map[string]any `json:"instance_vars,omitzero"`
	Job          string         `json:"job,omitzero"`
	JobID        int64          `json:"jobid,omitzero"`
	Build        string         `json:"build,omitzero"`
	BuildID      int64          `json:"buildid"`
	Task         string         `json:"task,omitzero"`
	Step         string         `json:"step,omitzero"`
	Attempt      int            `json:"attempt,omitzero"`
	ImageDigest  string         `json:"image_digest,omitzero"`
	Runtime      string         `json:"runtime,omitzero"`
	Privileged   bool           `json:"privileged"`
}

// NewIdentity returns the claims that follow from who a run is; the registered ones are the minter's.
func NewIdentity(s Subject, ids IDs, build string) Identity {
	return Identity{
		Team: s.Team, TeamID: ids.TeamID, Pipeline: s.Pipeline, PipelineID: ids.PipelineID, InstanceVars: s.InstanceVars,
		Job: s.Job, JobID: ids.JobID, Build: build, BuildID: ids.BuildID,
		Task: s.Task, Step: s.Step, Attempt: s.Attempt, ImageDigest: s.ImageDigest, Runtime: s.Runtime, Privileged: s.Privileged,
	}
}

// Field says where a claim goes: Identity is a token.Fielder.
func (i *Identity) Field(claim []byte) any {
	switch string(claim) {
	case "team":
		return &i.Team
	case "teamid":
		return &i.TeamID
	case "pipeline":
		return &i.Pipeline
	case "pipelineid":
		return &i.PipelineID
	case "instance_vars":
		return &i.InstanceVars
	case "job":
		return &i.Job
	case "jobid":
		return &i.JobID
	case "build":
		return &i.Build
	case "buildid":
		return &i.BuildID
	case "task":
		return &i.Task
	case "step":
		return &i.Step
	case "attempt":
		return &i.Attempt
	case "image_digest":
		return &i.ImageDigest
	case "runtime":
		return &i.Runtime
	case "privileged":
		return &i.Privileged
	}
	return token.Field(&i.Registered, claim)
}
