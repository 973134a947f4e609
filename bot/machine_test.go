package bot_test

import (
	"testing"
	"time"
)

func TestMachineDev(t *testing.T) {
	for _, row := range []struct {
		name string
		m    machine
	}{
		{"design", machine{}},
		{"stale", machine{stale: staleEver}},
		{"staleD", machine{stale: staleD}},
		{"wiped", machine{failover: wiped}},
		{"lagging", machine{failover: lagging}},
		{"two", machine{second: true}},
		{"two stale", machine{second: true, stale: staleEver}},
		{"two staleD", machine{second: true, stale: staleD}},
		{"person", machine{person: true}},
		{"early", machine{concludesEarly: true}},
		{"two early", machine{second: true, concludesEarly: true}},
		{"two same", machine{second: true, sameText: true}},
		{"two same early", machine{second: true, sameText: true, concludesEarly: true}},
		{"endless", machine{endless: true, second: true}},
		{"no fence", machine{second: true, noFence: true}},
		{"wiped stale", machine{failover: wiped, stale: staleEver}},
		{"wiped staleD", machine{failover: wiped, stale: staleD}},
		{"plain", machine{plainLock: true, noIntent: true, noLook: true}},
		{"token", machine{noIntent: true, noLook: true}},
		{"look", machine{noIntent: true}},
		{"atonce", machine{resend: atOnce}},
		{"quiet nofence", machine{resend: afterQuiet, noFence: true}},
		{"quiet", machine{resend: afterQuiet}},
		{"quiet stale", machine{resend: afterQuiet, stale: staleEver}},
		{"lastisours", machine{second: true, lastIsOurs: true}},
		{"listonly", machine{second: true, listOnly: true}},
		{"nofollow", machine{second: true, noFollowUp: true}},
		{"hasty", machine{second: true, hastyFollowUp: true, stale: staleEver}},
		{"forgets", machine{second: true, forgetsOwn: true}},
		{"noquar", machine{failover: wiped, noQuarantine: true}},
		{"brief", machine{failover: wiped, briefQuarantine: true}},
		{"unleased", machine{second: true, answeredUnleased: true}},
		{"quiet early", machine{resend: afterQuiet, concludesEarly: true}},
		{"endless wiped", machine{failover: wiped, endless: true}},
		{"two lagging", machine{second: true, failover: lagging}},
		{"two lagging staleD", machine{second: true, failover: lagging, stale: staleD}},
		{"two person early", machine{second: true, person: true, concludesEarly: true}},
		{"two person stale", machine{second: true, person: true, stale: staleEver}},
		{"all", machine{second: true, person: true, stale: staleD, failover: wiped}},
		{"keeps", machine{failover: wiped, keepsOldClaims: true}},
		{"keeps lag", machine{failover: lagging, keepsOldClaims: true}},
		{"wiped nofence", machine{failover: wiped, noFence: true}},
		{"two person", machine{second: true, person: true}},
		{"two wiped", machine{second: true, failover: wiped}},
	} {
		start := time.Now()
		f := explore(&row.m)
		t.Logf("%-16s %9d worlds %3d deep %-10s %6.2fs\n%s", row.name, f.worlds, f.depth, f.verdict, time.Since(start).Seconds(), f.trace)
	}
}
