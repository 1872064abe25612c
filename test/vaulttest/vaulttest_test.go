package vaulttest

import "testing"

func TestStart(t *testing.T) {
	t.Parallel()
	server := Start(t)
	server.Do(t, "POST", "sys/mounts/kv1", map[string]any{"type": "kv", "options": map[string]string{"version": "1"}})
	server.Do(t, "POST", "kv1/greeting", map[string]any{"value": "hello"})
	data, _ := server.Do(t, "GET", "kv1/greeting", nil)["data"].(map[string]any)
	if data["value"] != "hello" {
		t.Errorf("read back %v, want value hello", data)
	}
	if status, _ := server.As(t, "not-a-token", "GET", "kv1/greeting", nil); status != 403 {
		t.Errorf("a made-up token: status %d, want 403", status)
	}
}
