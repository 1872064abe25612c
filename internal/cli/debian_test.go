package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/debiantest"
)

// TestDebian runs tasks as several users of a real distribution, with the owners that Concourse gives to volumes.
func TestDebian(t *testing.T) {
	t.Parallel()
	binaries := needContainers(t)
	image := debiantest.Image(t)
	for name, temporary := range map[string]string{"as usual": "/tmp", "on an overlay": mountOverlay(t)} {
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			if err := os.WriteFile(filepath.Join(work, "pipeline.yml"), []byte(debianPipeline), 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), filepath.Join(binaries, "writ"), "run", "pipeline.yml", "--runtime", "oci", "--input", "image="+image)
			command.Dir = work
			command.Env = []string{"HOME=" + work, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + temporary}
			output, err := command.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			for _, want := range []string{"users: succeeded", "users/privileged: succeeded", "FROM_METADATA=yes"} {
				if !strings.Contains(string(output), want) {
					t.Errorf("no %q in\n%s", want, output)
				}
			}
		})
	}
}

const debianPipeline = `
jobs:
- name: users
  plan:
  - task: daemon
    image: image
    config:
      platform: linux
      inputs: [{name: image}]
      outputs: [{name: empty}]
      run:
        user: daemon
        path: bash
        args:
        - -euxc
        - |
          test "$(whoami)" = daemon
          test "$(stat -c %U empty image image/rootfs/etc/passwd | tr '\n' ' ')" = "daemon daemon daemon "
          echo mine >empty/file
          test "$(stat -c '%U %a' /run/writ/token)" = "daemon 400"
          env | grep FROM_METADATA
          grep -q '100000 *65536' /proc/self/uid_map
          perl -e 'exit 0'
          dpkg -l bash
  - task: news
    image: image
    config:
      platform: linux
      inputs: [{name: empty}]
      outputs: [{name: empty}]
      run:
        user: news
        path: bash
        args: [-euxc, 'test "$(stat -c %U empty empty/file | tr "\n" " ")" = "news news "; cat empty/file; echo the news >empty/file']
  - task: root
    image: image
    config:
      platform: linux
      inputs: [{name: empty}]
      run:
        path: bash
        args: [-euxc, 'test "$(stat -c %U empty empty/file | tr "\n" " ")" = "root news "; cat empty/file; su -s /bin/sh daemon -c "test \$(id -un) = daemon"']
  - task: privileged
    privileged: true
    image: image
    config:
      platform: linux
      inputs: [{name: empty}]
      run:
        user: mail:adm
        path: bash
        args: [-euxc, 'test "$(id -un) $(id -gn)" = "mail adm"; test "$(stat -c %U empty/file)" = mail; cat empty/file; grep -q 4294967295 /proc/self/uid_map']
`
