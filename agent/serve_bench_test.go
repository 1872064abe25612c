package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/fleet"
)

// BenchmarkPushChanged pushes a changed order of one Command over a kept connection to an agent with a state on disk: at most
// 3 ms over the Command itself, which a Runner runs beside it in turns.
func BenchmarkPushChanged(b *testing.B) {
	m := newMachine(b, pushed())
	m.config.Log = slog.New(slog.DiscardHandler)
	m.run()
	f := newFront(b, m.agent)
	s := fleet.New(fleet.Config{SkipVerify: true})
	defer s.Close()
	script := func(i int) string { return fmt.Sprintf("echo %d >a", i) }
	push := func(i int) error {
		raw := m.sign(time.Now(), fmt.Sprintf("{ id: 'a', always: true, change: '%s' }", script(i)))
		r := s.Push(context.Background(), fleet.Push{
			Target: fleet.Target{Name: "m", URL: f.url + "/etcha/v1/push"}, Source: "web", Order: func(context.Context) ([]byte, error) { return raw, nil },
		})
		if r.State != fleet.Done || len(r.Answer.ChangedIDs) != 1 {
			return fmt.Errorf("%+v", r)
		}
		return nil
	}
	work, err := m.work("web", nil)
	must(b, err)
	bare := func(i int) error {
		plan, err := command.Diff(nil, command.List{{ID: "a", Always: true, Change: script(i)}}, command.Change)
		if err != nil {
			return err
		}
		_, err = command.Runner{Runtime: m.runtime, Exec: work.Runner.Exec}.Run(b.Context(), plan)
		return err
	}
	measure := func(do func(int) error, i int) time.Duration {
		began := time.Now()
		if err := do(i); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	measure(push, -1) // the connection is there
	var floor, over []float64
	i := 0
	for b.Loop() {
		for range 20 {
			low, high := measure(bare, i), measure(push, i)
			floor, over = append(floor, low.Seconds()*1e3), append(over, (high-low).Seconds()*1e3)
			i++
		}
	}
	slices.Sort(floor)
	slices.Sort(over)
	b.ReportMetric(floor[len(floor)/2], "floor-ms")
	b.ReportMetric(over[len(over)/2], "over-ms")
	b.ReportMetric(3, "limit-ms")
	b.ReportMetric(0, "ns/op") // of both together: it says nothing
}
