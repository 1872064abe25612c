package server_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/agent/pull"
	"github.com/writ-run/writ/internal/server"
)

// TestOrders: orders are pulled from a server where it has a directory of them, beside what the issuer publishes.
func TestOrders(t *testing.T) {
	t.Parallel()
	home := directory(t)
	orders := filepath.Join(home, "orders")
	c := load(t, home, "server.orders="+orders)
	err := server.Serve(context.Background(), c, slog.New(slog.DiscardHandler), nil)
	if err == nil || !strings.Contains(err.Error(), "server.orders: want a directory of orders, which has to be there: stat "+orders+": no such file or directory") {
		t.Errorf("without the directory: %v", err)
	}
	write(t, orders, "web.jwt", "an order")
	ready := serve(t, c)
	at, err := pull.Parse("http://" + ready.Address + "/orders/web.jwt")
	if err != nil {
		t.Fatal(err)
	}
	var g pull.Getter
	body, seen, err := g.Get(t.Context(), at, pull.Seen{})
	if err != nil || string(body) != "an order" {
		t.Errorf("%q, %v", body, err)
	}
	for range 3 {
		if _, _, err := g.Get(t.Context(), at, seen); !errors.Is(err, pull.ErrUnchanged) {
			t.Errorf("asked again: %v", err)
		}
	}
	for path, status := range map[string]int{"/.well-known/jwks.json": 200, "/healthz": 200, "/orders/": 404, "/orders": 404} {
		answer, err := http.Get("http://" + ready.Address + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	closed := serve(t, load(t, directory(t)))
	answer, err := http.Get("http://" + closed.Address + "/orders/web.jwt")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 404 {
		t.Errorf("without a directory of orders: %s", answer.Status)
	}
}

func write(t testing.TB, directory, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(directory, 0o755), os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}
