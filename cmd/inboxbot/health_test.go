package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// health serves status at /healthz, 404 elsewhere, and returns its port.
func health(t *testing.T, status int) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestHealthcheck(t *testing.T) {
	well, ill := health(t, http.StatusOK), health(t, http.StatusServiceUnavailable)
	closed := httptest.NewServer(nil)
	_, nobody, _ := net.SplitHostPort(closed.Listener.Addr().String())
	closed.Close()

	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // must not be asked
	for _, row := range []struct {
		name, addr string
		want       string // in the error, "" for none
	}{
		{"well", "127.0.0.1:" + well, ""},
		{"by name", "localhost:" + well, ""},
		{"listening everywhere", ":" + well, ""},
		{"listening everywhere on IPv4", "0.0.0.0:" + well, ""},
		{"ill", "127.0.0.1:" + ill, "/healthz answered 503"},
		{"nobody there", "127.0.0.1:" + nobody, "refused"},
		{"switched off", "", "BOT_HTTP_ADDR is empty"},
		{"not an address", "localhost", "missing port"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := healthcheck(t.Context(), row.addr)
			switch {
			case row.want == "" && err != nil:
				t.Errorf("got %v, want it well", err)
			case row.want != "" && err == nil:
				t.Errorf("got it well, want an error with %q", row.want)
			case row.want != "" && !strings.Contains(err.Error(), row.want):
				t.Errorf("got %v, want an error with %q", err, row.want)
			}
		})
	}
}

func TestHealthcheckGivesUp(t *testing.T) {
	// A bot that accepts and never answers.
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := healthcheck(ctx, l.Addr().String()); err == nil {
		t.Error("a bot that does not answer counts as well")
	}
}
