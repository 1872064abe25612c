package cli

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// notifySocket is the variable by which a service manager says where it wants to be told how the service stands (sd_notify(3)).
const notifySocket = "NOTIFY_SOCKET"

// notify tells the service manager, where there is one that wants to know.
func (r *agentRun) notify(state string) {
	path := r.app.getenv(notifySocket)
	if path == "" {
		return
	}
	if strings.HasPrefix(path, "@") { // an abstract name
		path = "\x00" + path[1:]
	}
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err == nil {
		_, err = connection.Write([]byte(state))
		connection.Close()
	}
	if err != nil {
		r.log.Warn("the service manager cannot be told", "state", state, "error", err)
	}
}

// reloading is the state in which the configuration is read again.
func reloading() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return "RELOADING=1"
	}
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}

// withoutNotify is an environment for Commands: none of them speaks for the agent.
func withoutNotify(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool { return strings.HasPrefix(entry, notifySocket+"=") })
}
