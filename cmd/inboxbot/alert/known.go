package alert

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

const (
	blip     = 2 * time.Minute // away for less, it never went
	calm     = 5 * time.Minute // away for so long, it is over
	mostBack = 3               // the calm doubles so often for what comes back
	remember = time.Hour       // for so long, what is over can come back
)

// known is what is known of every problem, by its name.
type known map[string]*entry

// entry is one problem from its first sight to an hour after its end.
type entry struct {
	Problem
	Since time.Time `json:"since"`
	Told  time.Time `json:"told"`  // when it was last told that it is there, zero: never
	Said  string    `json:"said"`  // the text then
	Ended time.Time `json:"ended"` // when its end was told, zero: it has not been
	Back  int       `json:"back"`  // how often it has come back

	seen time.Time // last
	ripe bool      // it was there long enough to be told
}

// saw notes that p is there.
func (k known) saw(p Problem, now time.Time) {
	e := k[p.Name]
	switch {
	case e == nil:
		e = &entry{Since: now}
	case !e.Ended.IsZero():
		e = &entry{Since: now, Back: e.Back + 1}
	}
	e.Problem, e.seen = p, now
	e.ripe = e.ripe || now.Sub(e.Since) >= p.After
	k[p.Name] = e
}

// forget drops what is of no more use.
func (k known) forget(now time.Time) {
	maps.DeleteFunc(k, func(_ string, e *entry) bool {
		away := now.Sub(e.seen) >= blip
		switch {
		case !e.Ended.IsZero():
			return now.Sub(e.Ended) >= remember
		case e.Event:
			return away && !e.Told.IsZero()
		}
		return away && !e.ripe
	})
}

// stage is where a problem is when it is told.
type stage string

const (
	started stage = "started"
	still   stage = "still"
	over    stage = "over"
)

// telling is one problem that is due to be told.
type telling struct {
	*entry
	stage stage
	lasts time.Duration
}

// due is what should be told now: what started, what has been there for another
// hour, what is over. When one is told again, all that are there are.
func (k known) due(now time.Time) []telling {
	remind := false
	for _, e := range k {
		remind = remind || e.tellAgain(now) && now.Sub(e.Told) >= remindEvery
	}
	var due []telling
	for _, name := range slices.Sorted(maps.Keys(k)) {
		e := k[name]
		switch {
		case e.tellStart(now):
			due = append(due, telling{e, started, now.Sub(e.Since)})
		case remind && e.tellAgain(now):
			due = append(due, telling{e, still, now.Sub(e.Since)})
		case e.tellEnd(now):
			due = append(due, telling{e, over, e.seen.Sub(e.Since)})
		}
	}
	slices.SortStableFunc(due, func(a, b telling) int { return order[a.stage] - order[b.stage] })
	return due
}

var order = map[stage]int{started: 0, still: 1, over: 2}

func (e *entry) there(now time.Time) bool { return e.seen.Equal(now) }

func (e *entry) tellStart(now time.Time) bool {
	return e.ripe && e.Told.IsZero() && e.Ended.IsZero() && (e.Event || e.there(now))
}

func (e *entry) tellAgain(now time.Time) bool {
	return e.there(now) && !e.Once && !e.Told.IsZero()
}

// tellEnd also holds for what nobody could be told of while it was there.
func (e *entry) tellEnd(now time.Time) bool {
	return e.ripe && !e.Event && e.Ended.IsZero() && now.Sub(e.seen) >= calm<<min(e.Back, mostBack)
}

// told notes that people have been told.
func (k known) told(due []telling, now time.Time) {
	for _, t := range due {
		if t.stage == over {
			t.Ended = now
			continue
		}
		t.Told, t.Said = now, t.Text
	}
}

// shared is what the next leader has to know, nil when that is nothing.
func (k known) shared() []byte {
	var all []entry
	for _, name := range slices.Sorted(maps.Keys(k)) {
		if e := *k[name]; !e.Mine && (!e.Told.IsZero() || !e.Ended.IsZero()) {
			e.Text = e.Said
			all = append(all, e)
		}
	}
	if all == nil {
		return nil
	}
	state, err := json.Marshal(all)
	if err != nil {
		return nil // unreachable: texts and times
	}
	return state
}

// join takes over what another process has told. What it told of is taken to be
// there still: if it is not, its end comes after the calm.
func (k known) join(state []byte, now time.Time) {
	var all []entry
	if json.Unmarshal(state, &all) != nil {
		return // nothing was saved, or by another version: then things are told once more
	}
	for i := range all {
		if e := &all[i]; e.Name != "" && k[e.Name] == nil {
			e.seen, e.ripe = now, true
			k[e.Name] = e
		}
	}
}

// leave gives up what the process that leads tells.
func (k known) leave() {
	maps.DeleteFunc(k, func(_ string, e *entry) bool { return !e.Mine })
}
