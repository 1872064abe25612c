package command

import "github.com/writ-run/writ/command/script"

// Exec is how scripts are executed.
type Exec = script.Exec

// List is a list of Commands in the order in which they run. As JSON it may hold further lists, which are flattened, and
// nulls, which are left out.
type List []Command

// Command is the smallest unit of work: what to look at, and what to do about it. A Command with Commands is a group, and
// nothing but its ID counts.
type Command struct {
	ID     string `json:"id"`
	Always bool   `json:"always,omitzero"` // change always, and never check
	Check  string `json:"check,omitzero"`
	Change string `json:"change,omitzero"`
	Remove string `json:"remove,omitzero"`
	Stdin  string `json:"stdin,omitzero"` // of check, change and remove

	ChangeIgnore bool `json:"changeIgnore,omitzero"` // an edited change is no reason to remove what the old one did
	RemoveAfter  bool `json:"removeAfter,omitzero"`  // what the old one did is removed once the new list has run

	Commands  List   `json:"commands,omitzero"`
	EnvPrefix string `json:"envPrefix,omitzero"` // of the variables that later Commands see
	Exec      *Exec  `json:"exec,omitzero"`      // in place of the inherited one, where that allows it

	OnChange Targets `json:"onChange,omitzero"`
	OnFail   Targets `json:"onFail,omitzero"`
	OnRemove Targets `json:"onRemove,omitzero"`
}

// Targets are what a Command sets off: `etcha:NAME` is an event; else it is the id of a Command of the same list; else an
// anchored regular expression over those ids. As JSON one target may be a string.
type Targets []string
