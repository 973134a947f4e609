package history

import (
	"strings"

	"inboxbot/bot"
)

// interner keeps one copy of words that come again and again.
type interner map[string]string

// mostInterned bounds an interner; past it, it starts anew.
const mostInterned = 10_000

func (in interner) one(s string) string {
	if kept, ok := in[s]; ok {
		return kept
	}
	if len(in) >= mostInterned {
		clear(in)
	}
	s = strings.Clone(s)
	in[s] = s
	return s
}

// pack returns e taking as little memory as it can: what repeats is shared, the
// rest is in one piece.
func (in interner) pack(e Entry) Entry {
	e.Account, e.Guard, e.Mode, e.Generation = in.one(e.Account), in.one(e.Guard), in.one(e.Mode), in.one(e.Generation)
	e.Template, e.Language = in.one(e.Template), in.one(e.Language)
	e.Outcome, e.Cause = bot.Action(in.one(string(e.Outcome))), bot.Cause(in.one(string(e.Cause)))
	for i, f := range e.Findings {
		e.Findings[i] = in.one(f)
	}
	if e.Shadow != nil {
		kept := *e.Shadow
		kept.Guard = in.one(kept.Guard)
		e.Shadow = &kept
	}
	parts := []*string{&e.ID, &e.Thread, &e.Message, &e.Prospect, &e.ProspectID, &e.Asked, &e.Reason, &e.Reply}
	var all strings.Builder
	for _, p := range parts {
		all.WriteString(*p)
	}
	rest := all.String()
	for _, p := range parts {
		n := len(*p)
		*p, rest = rest[:n], rest[n:]
	}
	return e
}
