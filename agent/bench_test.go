package agent_test

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
)

// BenchmarkPush is the push of a changed order with one Command to an agent: what it takes over the Command itself, of which
// issue 7 promises at most 3 ms.
func BenchmarkPush(b *testing.B) {
	m := newMachine(b, pushed())
	m.config.Log = nil
	m.run()
	now := time.Now().Add(-time.Hour)
	orders := make([][]byte, 64)
	for i := range orders {
		orders[i] = m.sign(now, fmt.Sprintf("{ id: 'a', always: true, change: 'true # %d' }", i))
	}
	push := func(i int) {
		out, err := m.agent.Push(context.Background(), agent.Push{Source: "web", Token: orders[i%len(orders)]})
		if err != nil || out.Err != nil {
			b.Fatal(err, out.Err)
		}
	}
	bare := func() {
		if err := exec.Command("/usr/bin/bash", "-e", "-o", "pipefail", "-c", "true").Run(); err != nil {
			b.Fatal(err)
		}
	}
	push(0)
	bare()
	var over, floor time.Duration
	b.ResetTimer()
	for i := range b.N {
		began := time.Now()
		push(i + 1)
		middle := time.Now()
		bare()
		over += middle.Sub(began) - time.Since(middle)
		floor += time.Since(middle)
	}
	b.ReportMetric(float64(over.Microseconds())/1000/float64(b.N), "over-ms")
	b.ReportMetric(float64(floor.Microseconds())/1000/float64(b.N), "floor-ms")
	b.ReportMetric(3, "over-ms-limit")
}
