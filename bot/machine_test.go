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
		{"two staleD", machine{second: true, stale: staleD}},
		{"two stale", machine{second: true, stale: staleEver}},
		{"two stale seesOwn", machine{second: true, stale: staleEver, seesOwn: true}},
		{"hasty staleD", machine{second: true, hastyFollowUp: true, stale: staleD}},
		{"hasty staleD seesown", machine{second: true, hastyFollowUp: true, seesOwn: true, stale: staleD}},
		{"person", machine{person: true}},
		{"person deadline", machine{person: true, deadline: true}},
		{"two deadline", machine{second: true, deadline: true}},
		{"two same", machine{second: true, sameText: true}},
		{"two same deadline", machine{second: true, sameText: true, deadline: true}},
		{"two person", machine{second: true, person: true}},
		{"two person deadline", machine{second: true, person: true, deadline: true}},
		{"two person same deadline", machine{second: true, person: true, deadline: true, sameText: true}},
		{"two person deadline staleD", machine{second: true, person: true, deadline: true, stale: staleD}},
		{"two person deadline staleEver", machine{second: true, person: true, deadline: true, stale: staleEver, seesOwn: true}},
		{"two wiped", machine{second: true, failover: wiped}},
		{"two wiped deadline", machine{second: true, failover: wiped, deadline: true}},
		{"two wiped staleD", machine{second: true, failover: wiped, stale: staleD}},
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
		{"quiet deadline", machine{resend: afterQuiet, deadline: true}},
		{"quiet stale", machine{resend: afterQuiet, deadline: true, stale: staleEver}},
		{"lastisours", machine{second: true, lastIsOurs: true}},
		{"listonly", machine{second: true, listOnly: true}},
		{"nofollow", machine{second: true, noFollowUp: true}},
		{"forgets", machine{second: true, forgetsOwn: true}},
		{"noquar", machine{failover: wiped, noQuarantine: true}},
		{"brief", machine{failover: wiped, briefQuarantine: true}},
		{"unleased", machine{second: true, answeredUnleased: true}},
		{"endless wiped", machine{failover: wiped, endless: true}},
		{"keeps", machine{failover: wiped, keepsOldClaims: true}},
		{"keeps lag", machine{failover: lagging, keepsOldClaims: true}},
		{"wiped nofence", machine{failover: wiped, noFence: true}},
	} {
		start := time.Now()
		f := explore(&row.m)
		t.Logf("%-30s %9d worlds %3d deep %-10s %6.2fs\n%s", row.name, f.worlds, f.depth, f.verdict, time.Since(start).Seconds(), f.trace)
	}
}
