package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/writ-run/writ/depot"
	"github.com/writ-run/writ/internal/config"
)

// ordersPath is what the paths of orders begin with.
const ordersPath = "/orders/"

// withOrders is a handler that also serves the orders of a directory, where one is configured.
func withOrders(public http.Handler, c config.Config, log *slog.Logger) (http.Handler, error) {
	if c.Server.Orders == "" {
		return public, nil
	}
	orders, err := depot.New(c.Server.Orders, ordersPath, log)
	if err != nil {
		return nil, c.Blame(fmt.Errorf("server.orders: %w", err))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, ordersPath) {
			orders.ServeHTTP(w, r)
			return
		}
		public.ServeHTTP(w, r)
	}), nil
}
