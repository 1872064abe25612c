package workload_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/workload"
	"github.com/writ-run/writ/workload/workloadtest"
)

func TestSession(t *testing.T) {
	t.Parallel()
	minter := workloadtest.New(t)
	build := minter.Open(t)
	var told []string
	build.OnMint(func(m workload.Minted) { told = append(told, m.Token) })
	task, err := build.Task(t.Context(), workload.Task{Name: "compile", Step: "compile", Attempt: 1, Runtime: "process"}, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if s := task.Subject(); s.Parent != build.Run().ID || s.Task != "compile" || s.Team != build.Subject().Team || task.Run().IDs != build.Run().IDs {
		t.Errorf("subject %+v", s)
	}
	first, err := task.Mint(t.Context(), workload.Request{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := task.Mint(t.Context(), workload.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if first.Token == second.Token || !slices.Equal(told, []string{first.Token, second.Token}) {
		t.Error("a token came from a cache, or the build was not told of it")
	}
	for _, life := range []time.Duration{-1, time.Millisecond, 25 * time.Hour} {
		if _, err := task.Mint(t.Context(), workload.Request{Life: life}); err == nil || !strings.Contains(err.Error(), "is not from 1s to 24h") {
			t.Errorf("life %s: %v", life, err)
		}
	}
	if live := minter.Live(); live != 2 {
		t.Errorf("%d runs live", live)
	}
	if err := build.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if live := minter.Live(); live != 0 {
		t.Errorf("%d runs live after the build", live)
	}
	for name, s := range map[string]*workload.Session{"build": build, "task": task} {
		if _, err := s.Mint(t.Context(), workload.Request{}); !errors.Is(err, workload.ErrRefused) {
			t.Errorf("mint of a closed %s: %v", name, err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("close a %s again: %v", name, err)
		}
	}
	if _, err := build.Task(t.Context(), workload.Task{Name: "late"}, workload.Limits{}); err == nil {
		t.Error("a task of a closed build was registered")
	}
	if live := minter.Live(); live != 0 {
		t.Errorf("%d runs live after a late task", live)
	}
}

// TestSessionEndsAfterAnAbort: a run is ended also when the context of its job has.
func TestSessionEndsAfterAnAbort(t *testing.T) {
	t.Parallel()
	minter := workloadtest.New(t)
	build := minter.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := build.Close(ctx); err != nil || minter.Live() != 0 {
		t.Errorf("%v, %d runs live", err, minter.Live())
	}
}

func TestSessionOfARefusedSubject(t *testing.T) {
	t.Parallel()
	minter := workloadtest.New(t)
	if _, err := workload.Open(t.Context(), minter, workload.Subject{}, workload.Limits{}); err == nil || len(minter.Begun()) != 0 {
		t.Errorf("%v, begun %v", err, minter.Begun())
	}
	minter.SetUnreachable(true)
	if _, err := workload.Open(t.Context(), minter, workload.Subject{Team: "t"}, workload.Limits{}); !errors.Is(err, workload.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

// TestSecretsDoNotPrint: neither a run's handle nor a token.
func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	session := workloadtest.New(t).Open(t)
	minted, err := session.Mint(t.Context(), workload.Request{})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "run", session.Run().ID, "token", minted)
	printed := log.String() + fmt.Sprintf("%v %+v %#v %s %v %+v", minted, minted, minted, minted, session.Run().ID, session.Run())
	if strings.Contains(printed, minted.Token) || strings.Contains(printed, string(session.Run().ID)+" ") || !strings.Contains(printed, minted.Claims.ID) {
		t.Errorf("printed %s", printed)
	}
}

func TestParseLife(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10m": "", "1s": "", "24h": "", "1h30m": "",
		"0": "is not from 1s to 24h", "25h": "is not from 1s to 24h", "-1h": "is not from 1s to 24h",
		"": "is not a duration", "10": "is not a duration", "tomorrow": "is not a duration",
	} {
		_, err := workload.ParseLife(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
