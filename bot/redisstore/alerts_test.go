package redisstore_test

import (
	"testing"
	"testing/synctest"
	"time"

	"inboxbot/bot/redisstore"
)

func TestAlertsAreKeptForTheNextLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := mini(t)
		ctx := t.Context()
		a, b := open(t, redisstore.Options{Client: c, Team: "team"}), open(t, redisstore.Options{Client: c, Team: "team"})
		other := open(t, redisstore.Options{Client: c, Team: "other"})
		if got := must(a.LoadAlerts(ctx)); got != nil {
			t.Errorf("nothing was kept and there is %q", got)
		}
		if err := a.SaveAlerts(ctx, []byte("told")); err != nil {
			t.Fatal(err)
		}
		if got := must(b.LoadAlerts(ctx)); string(got) != "told" {
			t.Errorf("the next leader finds %q", got)
		}
		if got := must(other.LoadAlerts(ctx)); got != nil {
			t.Errorf("another team finds %q", got)
		}
		time.Sleep(8 * 24 * time.Hour)
		if got := must(b.LoadAlerts(ctx)); got != nil {
			t.Errorf("after a week there is still %q", got)
		}
		m.SetError("LOADING")
		if _, err := b.LoadAlerts(ctx); err == nil {
			t.Error("a Redis that does not answer has nothing to say, and no error")
		}
	})
}
