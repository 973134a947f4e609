package inboxapitest_test

import (
	"net/http/httptest"
	"testing"

	"inboxbot/inboxapi/inboxapitest"
)

// benchmarkGet measures one read without the network.
func benchmarkGet(b *testing.B, s *inboxapitest.Server, path string, before func()) {
	b.ReportAllocs()
	for b.Loop() {
		before()
		r := httptest.NewRequestWithContext(b.Context(), "GET", "/api/v1"+path, nil)
		r.Header.Set("Authorization", "Bearer token")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Code, w.Body)
		}
		b.SetBytes(int64(w.Body.Len()))
	}
}

func BenchmarkMessagePage(b *testing.B) {
	s := inboxapitest.New(inboxapitest.Options{Limits: inboxapitest.Limits{Minute: -1, Hour: -1, Day: -1}})
	defer s.Close()
	id := s.AddThread(inboxapitest.NewThread{}).ID
	for range 100 {
		s.Receive(id, "what does it cost?")
	}
	benchmarkGet(b, s, "/threads/"+id+"/messages", func() {})
}

// A send through a client and Dial, connection reused: what the simulator and HTTP
// cost a test for each request.
func BenchmarkSend(b *testing.B) {
	s := inboxapitest.New(inboxapitest.Options{Limits: inboxapitest.Limits{Minute: -1, Hour: -1, Day: -1}})
	defer s.Close()
	id := s.AddThread(inboxapitest.NewThread{}).ID
	s.Receive(id, "what does it cost?")
	a := api{b, s.HTTPClient()}
	b.ReportAllocs()
	for b.Loop() {
		if got := a.send(id, "12 euros"); got.status != 200 {
			b.Fatal(got.status, got.body)
		}
	}
}

func BenchmarkAddThreadAndReceive(b *testing.B) {
	s := inboxapitest.New(inboxapitest.Options{})
	defer s.Close()
	b.ReportAllocs()
	for b.Loop() {
		s.Receive(s.AddThread(inboxapitest.NewThread{}).ID, "what does it cost?")
	}
}
