package bot_test

import (
	"slices"
	"testing"
	"time"

	"inboxbot/bot"
)

// seen is what the ledger names of the tags a thread's prospect has had.
func (w *scene) seen(thread string) []string {
	w.t.Helper()
	records, err := w.store.Records(w.t.Context(), []string{thread})
	if err != nil {
		w.t.Fatal(err)
	}
	return records[thread].Seen
}

func TestARecordRemembersTagsThatWereTakenOff(t *testing.T) {
	inScene(t, func(w *scene) {
		w.rules.judge = guard("VIP", bot.Outcome{Action: bot.Handoff, Tag: "vip-waiting"})
		th := w.thread("hi")
		w.sim.TagProspect(th.ID, "VIP")
		w.once()
		if got := w.seen(th.ID); !slices.Equal(got, []string{"VIP", "vip-waiting"}) {
			t.Errorf("handed over with tags seen %q, want its own and the handoff's", got)
		}
		w.sim.UntagProspect(th.ID, "VIP")
		w.sim.UntagProspect(th.ID, "vip-waiting") // given back
		w.sim.TagProspect(th.ID, "gift")
		time.Sleep(time.Minute)
		w.sim.Receive(th.ID, "and now?")
		w.once()
		w.said(th.ID, "ok")
		if got := w.seen(th.ID); !slices.Equal(got, []string{"VIP", "vip-waiting", "gift"}) {
			t.Errorf("answered with tags seen %q, want those that were taken off too", got)
		}
	})
}

func TestSeenTagsAreBounded(t *testing.T) {
	var r bot.Record
	for i := range 3 * bot.SeenMax {
		r.Seen = r.WithSeen(string(rune('a'+i%30)), "", "VIP")
	}
	if n := len(r.Seen); n != bot.SeenMax || r.Seen[n-1] != "VIP" || slices.Contains(r.Seen, "") {
		t.Errorf("seen %q, want %d that end with VIP", r.Seen, bot.SeenMax)
	}
}
