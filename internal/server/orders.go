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

// openOrders opens the directory of orders that is configured; nil: none is.
func openOrders(c config.Config, log *slog.Logger) (*depot.Depot, error) {
	if c.Server.Orders == "" {
		return nil, nil
	}
	orders, err := depot.New(c.Server.Orders, ordersPath, log)
	if err != nil {
		return nil, c.Blame(fmt.Errorf("server.orders: want a directory of orders, which has to be there: %w", err))
	}
	return orders, nil
}

// withOrders is a handler that also serves orders.
func withOrders(public http.Handler, orders *depot.Depot) http.Handler {
	if orders == nil {
		return public
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, ordersPath) {
			orders.ServeHTTP(w, r)
			return
		}
		public.ServeHTTP(w, r)
	})
}
