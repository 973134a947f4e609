package bot_test

import (
	"strings"
	"testing"
)

// TestExplainTellsWhoHoldsTheThread: explaining claims nothing and needs no claim.
func TestExplainTellsWhoHoldsTheThread(t *testing.T) {
	inScene(t, func(w *scene) {
		th := w.thread("Do you ship?").ID
		b := w.start()
		explained := func() string {
			var out strings.Builder
			if err := b.Explain(w.t.Context(), th, false, &out); err != nil {
				w.t.Fatal(err)
			}
			return out.String()
		}
		if got := explained(); !strings.Contains(got, "\nclaim\n  none: nobody holds the thread now\nrecord\n") {
			w.t.Errorf("free:\n%s", got)
		}
		if _, err := w.store.Claim(w.t.Context(), th); err != nil {
			w.t.Fatalf("explain has claimed it: %v", err)
		}
		if got := explained(); !strings.Contains(got, "\nclaim\n  process some holds the thread now, for 2m0s at most\nrecord\n") {
			w.t.Errorf("held:\n%s", got)
		}
	})
}
