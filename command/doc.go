// Package command holds Commands: what each is, what is wrong with a list of them, what two lists differ in, and what
// running them does to a machine.
//
//	List --Diff--> Plan (can be shown) --Runner.Run: script, over a container.Runtime--> Result: Outcomes and Events in order
//
// A Command in Change mode:
//
//	           no check, or always, which keeps it from running
//	         +------------------------------------------------+---- not always, not set off ----------------> idle
//	         |                                                |
//	start ---+                                                +---- always, or set off --+
//	         |                                                                           v          --ok--> changed --> onChange
//	         +-- check --passes--> not set off --> well                               change
//	                  \--fails, or set off ------------------------------------------^             --fails--> failed --> onFail
//	                       \--there is no change--> drifted
//
// In Remove mode lists run in reverse, a check that passes calls for the remove, one that fails says that all is well, and
// onChange is onRemove. In Check mode nothing runs but checks: where a script would run the state is drifted when the
// check says so, and due when the Command always runs or a drifted or due one would set it off.
//
// "Set off" means that a Command that ran before it in its list (a group is a list of its own) named it in its onChange,
// onFail or onRemove. After a failure every Command is skipped but those that always run and those that it set off.
// When the run is ended the script that runs is aborted, and whatever is left is skipped.
//
// Invariants: what a Command has written is in the environment of later ones, or in a file, and never in a script. A
// Result is complete whatever happened. The caller's machine is touched by scripts alone; files with long values are gone
// when Run returns.
package command
