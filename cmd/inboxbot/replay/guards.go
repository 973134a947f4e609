package replay

import (
	"slices"

	"inboxbot/bot"
)

// nobody is what decided when no guard did.
const nobody = "default"

// guards is how the guards of side i's rule file did, and its default.
func guards(cuts []*Cut, i int) []Guard {
	t := tally{at: map[string]int{}}
	for _, c := range cuts {
		for _, check := range c.answers[i].all {
			t.add(check, c.answers[i].decider())
		}
	}
	rest := Guard{Name: nobody}
	for _, c := range cuts {
		switch name := c.answers[i].decider(); {
		case name == nobody:
			rest.Decided++
			rest.Fired++
		case c.answers[i].decidedByOwn():
		default:
			t.of(name).Decided++
		}
	}
	t.find(len(cuts))
	return append(t.guards, rest)
}

// decider is the guard that decided before the model was asked.
func (a *Answer) decider() string { return a.verdict.Guard }

// decidedByOwn reports whether that was one of the bot's own.
func (a *Answer) decidedByOwn() bool { return a.Own != "" && a.Own == a.verdict.Guard }

// tally counts what guards say, in the order of their file.
type tally struct {
	guards []Guard
	at     map[string]int
}

func (t *tally) of(name string) *Guard {
	if _, ok := t.at[name]; !ok {
		t.at[name] = len(t.guards)
		t.guards = append(t.guards, Guard{Name: name})
	}
	return &t.guards[t.at[name]]
}

// add counts one guard's answer about a cut that decider decided. One that cannot
// be evaluated counts as fired, as it does in the inbox.
func (t *tally) add(check bot.Check, decider string) {
	g := t.of(check.Guard)
	if check.Err != nil {
		g.Failed++
	}
	if !check.Fired {
		return
	}
	g.Fired++
	if decider != g.Name && !slices.Contains(g.By, decider) {
		g.By = append(g.By, decider)
	}
}

// find says what is odd about guards that were asked about so many cuts.
func (t *tally) find(cuts int) {
	for i := range t.guards {
		g := &t.guards[i]
		switch {
		case g.Fired == 0:
			g.Finding = Never
		case g.Decided == 0:
			g.Finding = Shadowed
		case g.Fired == cuts:
			g.Finding = Always
		}
		if g.Finding != Shadowed {
			g.By = nil
		}
	}
}
