package fleet

import "net/http"

// Transport connects as configured, for who asks machines for something else than to take an order.
func Transport(c Config) *http.Transport { return transport(c.withDefaults()) }
