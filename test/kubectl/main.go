// Kubectl is the real kubectl (Apache-2.0), built from its module, so that tests log in as a user of Kubernetes does. It
// is a module of its own: Kubernetes' dependencies stay out of Writ's.
package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err) // prints it and exits
	}
}
