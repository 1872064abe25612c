// Package agent is the process of a machine that takes orders, runs them and remembers them, and what such a process, and
// who sends orders to it, is told: sources, targets, what both have in common.
//
//	push, pull, restore ──Open──▶ verified ──the source's turn──▶ not older than the mark ──▶ S.next, S.mark
//	                        └─▶ refused, with a reason                                │
//	event, webhook, time ─────────────── the source's turn ──▶ render ◀───────────────┘
//	                                                             │ Diff with what is on the machine
//	                                                             ▼
//	                               S.jwt, S.ran ◀── Run: the record, events for other sources
//
// Invariants. A source that has anything to verify with takes nothing that was not verified, and one that has nothing to verify
// with takes no order at all. No order older than the newest that was accepted is taken, on any path, unless somebody on this
// machine says so. What an order may have put on the machine is known, whenever the process or the machine is killed, until
// it has been removed. An order that cannot be had, verified or rendered never takes the place of one that runs.
//
//	run.verifyKeys ────────────┬─ and ─▶ keys ─────────┐
//	sources.X.verifyKeys ──────┘                       │
//	sources.X.verifyCommands ─ else run.verifyCommands ├─▶ what an order of source X has to pass
//	sources.X.verifyExec ───── else run.verifyExec ────┤
//	sources.X.jwtRule ──────── else run.jwtRule ───────┘
package agent
