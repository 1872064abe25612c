// Package command holds Commands: what each is, what is wrong with a list of them, and what a list does to a machine.
//
// A Command of a list, in the three modes. "set off" means that an earlier Command of the list has named it in its
// onChange, onFail or onRemove.
//
//	change:   always or no check ---------------+-- always, or set off --> change --ok--> changed --> onChange
//	          check --passes--> not set off --> well     |                        \--fails--> failed --> onFail
//	            \--fails, or set off ---------------------+
//
//	check:    check --passes--> well   --fails--> drifted   always, or set off by a drifted one --> due
//
//	remove:   (in reverse) check --passes--+
//	          always, or set off ----------+--> remove --ok--> removed --> onRemove   --fails--> failed --> onFail
package command
