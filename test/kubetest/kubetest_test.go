package kubetest

import "testing"

func TestStart(t *testing.T) {
	t.Parallel()
	server := Start(t, Nobody)
	server.Do(t, "POST", "api/v1/namespaces", map[string]any{"metadata": map[string]any{"name": "greetings"}})
	if status, _ := server.As(t, "not-a-token", "GET", "api/v1/namespaces/greetings", nil); status != 401 {
		t.Errorf("a made-up token: status %d, want 401", status)
	}
	got := server.Do(t, "GET", "api/v1/namespaces/greetings", nil)
	if got["kind"] != "Namespace" {
		t.Errorf("read back %v, want a namespace", got)
	}
}
