package rules

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"inboxbot/bot"
	"inboxbot/bot/draftcheck"
)

// silence is what say names to say nothing.
const silence = "none"

// message is an entry of the file's handoffs: what is said to the prospect when a
// person takes over, why and when.
type message struct {
	causes          []bot.Cause // none: all
	during, outside *hours      // nil: always
	say             string
}

// Say returns the name of the message to c's prospect when o hands c over, or ""
// when nothing is to be said: o's own if it names one ("none" silences), else that
// of the first entry of the file's handoffs with o's cause and the hours at c.Now.
func (s *Set) Say(c *bot.Conversation, o bot.Outcome) string {
	name := o.Say
	if now := c.Now.In(s.zone); name == "" {
		for i := range s.handoffs {
			if s.handoffs[i].matches(o.Cause, now) {
				name = s.handoffs[i].say
				break
			}
		}
	}
	if name == silence {
		return ""
	}
	return name
}

func (m *message) matches(cause bot.Cause, now time.Time) bool {
	return (len(m.causes) == 0 || slices.Contains(m.causes, cause)) &&
		(m.during == nil || m.during.open(now)) &&
		(m.outside == nil || !m.outside.open(now))
}

// The most entries of a list in a rule file that is neither of guards nor of tests.
const maxMessages = 100

func (l *loader) messages(e entry) []message {
	var out []message
	for i, n := range l.list(e, "handoffs") {
		if i == maxMessages {
			l.report(at(n), "", "more than %d handoffs", maxMessages)
			break
		}
		out = append(out, l.message(n))
	}
	return out
}

func (l *loader) message(n ast.Node) message {
	f, ok := l.fields(n, "an entry of handoffs", "causes", "during", "outside", "say")
	if !ok {
		return message{}
	}
	if _, ok := f["say"]; !ok {
		l.report(at(n), "say: none says nothing", "an entry of handoffs needs say")
	}
	if both, ok := f["outside"]; ok && f["during"].value != nil {
		l.report(both.at, "use two entries", "an entry of handoffs has either during or outside")
	}
	m := message{during: l.hoursNamed(f["during"]), outside: l.hoursNamed(f["outside"]), say: l.say(f["say"])}
	for _, c := range l.list(f["causes"], "causes") {
		m.causes = append(m.causes, l.cause(entry{"a cause", at(c), c}))
	}
	if e := f["causes"]; e.value != nil && e.value.Type() == ast.SequenceType && len(m.causes) == 0 {
		l.report(at(e.value), "leave the key out to mean all", "causes is empty")
	}
	return m
}

func (l *loader) cause(e entry) bot.Cause {
	known := make([]string, len(bot.Causes))
	for i, c := range bot.Causes {
		known[i] = string(c)
	}
	s, _ := l.oneOf(e, "cause", known)
	return bot.Cause(s)
}

// say reads the name of a message to the prospect.
func (l *loader) say(e entry) string {
	name := l.words(e, maxName)
	if name != "" && name != silence && l.options.Messages != nil && !l.options.Messages(name) {
		l.report(at(e.value), "say: none says nothing", "there is no message %q", clip(name)+".say.tmpl")
	}
	return name
}

// hoursNamed reads the name of hours of the file; nil when it is missing or
// unknown, which is reported.
func (l *loader) hoursNamed(e entry) *hours {
	name := l.words(e, maxName)
	h, ok := l.set.hours[name]
	switch known := slices.Sorted(maps.Keys(l.set.hours)); {
	case name == "", ok:
	case len(known) == 0:
		l.report(at(e.value), "add them under hours:", "unknown hours %q: the file has none", clip(name))
	default:
		hint := didYouMean(name, known)
		if hint == "" {
			hint = "known hours: " + clip(strings.Join(known, ", "))
		}
		l.report(at(e.value), hint, "unknown hours %q", clip(name))
	}
	return h
}

// draftChecks reads which of the bot's own checks of a draft are switched.
func (l *loader) draftChecks(e entry) map[string]draftcheck.Mode {
	if e.value == nil {
		return nil
	}
	f, _ := l.fields(e.value, "draft-checks", draftcheck.Names...)
	modes := map[string]draftcheck.Mode{}
	for name, e := range f {
		s, ok := l.scalar(e)
		switch mode := draftcheck.Mode(s); {
		case mode == draftcheck.On || mode == draftcheck.Log || mode == draftcheck.Off:
			modes[name] = mode
		case ok:
			l.report(at(e.value), "known: on, log, off", "unknown mode %q", clip(s))
		}
	}
	return modes
}
