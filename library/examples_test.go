package library_test

import (
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/command"
)

func parse(t testing.TB, out []byte) command.List {
	t.Helper()
	var list command.List
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// examples call each function with each of its arguments. 'MARK' is where any text may stand.
var examples = []string{
	`(import '../writ/file.libsonnet')('MARK')`,
	`(import '../writ/file.libsonnet')('MARK', 'MARK', mode='MARK', owner='MARK', group='MARK', writ='MARK')`,
	`(import '../writ/dir.libsonnet')('MARK')`,
	`(import '../writ/dir.libsonnet')('MARK', mode='MARK', owner='MARK', group='MARK', parents=true, recursive=true, writ='MARK')`,
	`(import '../writ/line.libsonnet')('MARK', 'MARK', 'MARK', writ='MARK')`,
	`(import '../writ/link.libsonnet')('MARK', 'MARK', writ='MARK')`,
	`(import '../writ/link.libsonnet')('MARK', 'MARK', force=true)`,
	`(import '../writ/copy.libsonnet')('MARK', 'MARK')`,
	`(import '../writ/copy.libsonnet')('MARK', 'https://h/' + 'MARK' + '?#@', checksum='MARK', mode='MARK', owner='MARK', group='MARK', writ='MARK')`,
	`(import '../writ/download.libsonnet')('MARK', 'https://h/' + 'MARK', 'MARK')`,
	`(import '../writ/download.libsonnet')('MARK', 'https://h/', 'MARK', headers={ A: 'MARK' }, timeout=5, skipVerify=true, mode='MARK', owner='MARK', group='MARK', writ='MARK')`,
	`(import '../writ/group.libsonnet')('MARK')`,
	`(import '../writ/group.libsonnet')('MARK', gid='MARK', system=true)`,
	`(import '../writ/user.libsonnet')('MARK')`,
	`(import '../writ/user.libsonnet')('MARK', uid='MARK', group='MARK', groups=['MARK', 'x'], home='MARK', shell='MARK', comment='MARK', system=true, createHome=true, removeHome=true)`,
	`(import '../writ/user.libsonnet')('MARK', uid=7, group=7, createHome=false)`,
	`(import '../writ/package.libsonnet')('MARK')`,
	`(import '../writ/package.libsonnet')(['a', 'g++', 'b=' + 'MARK'], recommends=false, purge=true)`,
	`(import '../writ/service.libsonnet')('MARK')`,
	`(import '../writ/service.libsonnet')('MARK', unit='MARK', directory='MARK', systemctl=['MARK', 'MARK'], writ='MARK')`,
	`(import '../writ/service.libsonnet')('MARK', enabled=false, running=false)`,
	`(import '../writ/git.libsonnet')('MARK', 'MARK')`,
	`(import '../writ/git.libsonnet')('MARK', 'MARK', commit='0123456789abcdef0123456789abcdef01234567', writ='MARK')`,
	`(import '../writ/git.libsonnet')('MARK', 'MARK', tag='MARK', force=true)`,
	`(import '../writ/git.libsonnet')('MARK', 'MARK', branch='MARK')`,
}
