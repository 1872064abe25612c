package shell

import (
	"maps"
	"slices"
)

// utilities are the commands that the binary plays, by name.
func utilities() map[string]utility {
	return map[string]utility{
		"[":        bracketMain,
		"basename": basenameMain,
		"bash":     runShell,
		"cat":      catMain,
		"chgrp":    chownMain,
		"chmod":    chmodMain,
		"chown":    chownMain,
		"cp":       cpMain,
		"dirname":  dirnameMain,
		"echo":     echoMain,
		"egrep":    grepMain,
		"env":      envMain,
		"false":    func(*command) int { return 1 },
		"fgrep":    grepMain,
		"grep":     grepMain,
		"head":     headMain,
		"id":       idMain,
		"kill":     killMain,
		"ln":       lnMain,
		"ls":       lsMain,
		"mkdir":    mkdirMain,
		"mktemp":   mktempMain,
		"mv":       mvMain,
		"printenv": printenvMain,
		"printf":   printfMain,
		"pwd":      pwdMain,
		"readlink": readlinkMain,
		"realpath": realpathMain,
		"rm":       rmMain,
		"rmdir":    rmdirMain,
		"sh":       runShell,
		"sleep":    sleepMain,
		"stat":     statMain,
		"tail":     tailMain,
		"tee":      teeMain,
		"test":     testMain,
		"touch":    touchMain,
		"true":     func(*command) int { return 0 },
		"unlink":   unlinkMain,
		"wc":       wcMain,
		"whoami":   whoamiMain,
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
