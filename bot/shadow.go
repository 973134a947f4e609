package bot

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// shadowLook is how often a thread is read for the answer of a person that no
// list has shown, and shadowFor how long one is looked for.
const (
	shadowLook = 6 * time.Hour
	shadowFor  = 48 * time.Hour
)

// Comparison is what the bot would have done about a message beside what people
// did: a reply, with its draft that nobody saw, a handoff or a skip. What guards of
// the bot's own decide, and what it does for want of a model or of money, says
// nothing about the message and is not compared.
type Comparison struct {
	Guard  string // that decided
	Would  Action // Reply, Handoff or Skip
	Draft  string // of a reply
	Answer string // the person's messages, a line each; "" when nobody answered within two days
	// Added are the facts (numbers, prices, dates, links, addresses) that only the
	// person's answer has, Left those that only the draft has.
	Added, Left []string
	// Likeness is the share of words that both have in common, of all words, 0 to 1.
	Likeness float64
}

// SameOutcome reports whether a person answered what the bot would have answered
// or handed over, or nobody what it would have left alone.
func (c Comparison) SameOutcome() bool { return (c.Answer != "") == (c.Would != Skip) }

// SameFacts reports whether both hold the same facts.
func (c Comparison) SameFacts() bool { return len(c.Added) == 0 && len(c.Left) == 0 }

var facts = regexp.MustCompile(`(?i)[\w.+-]+@[\w-]+(?:\.[\w-]+)+|https?://[^\s<>"]+|(?:www\.)[^\s<>"]+|\d(?:[\d.,:/-]*\d)?`)

// Compare holds a draft against an answer.
func Compare(draft, answer string) Comparison {
	c := Comparison{Would: Reply, Draft: draft, Answer: answer}
	d, a := factsOf(draft), factsOf(answer)
	c.Added = slices.DeleteFunc(slices.Clone(a), func(f string) bool { return slices.Contains(d, f) })
	c.Left = slices.DeleteFunc(slices.Clone(d), func(f string) bool { return slices.Contains(a, f) })
	words, both := map[string]bool{}, 0
	for _, w := range wordsOf(draft) {
		words[w] = true
	}
	all := len(words)
	for _, w := range wordsOf(answer) {
		if words[w] {
			both++
		} else {
			all++
		}
	}
	if all > 0 {
		c.Likeness = float64(both) / float64(all)
	}
	return c
}

// factsOf returns the facts of a text, each once, in a form that can be compared.
func factsOf(text string) []string {
	var out []string
	for _, f := range facts.FindAllString(text, 200) {
		f = strings.ToLower(strings.TrimRight(f, ".,:;!?)"))
		if strings.Trim(f, "0123456789.,") == "" {
			f = strings.ReplaceAll(f, ",", ".")
		}
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

func wordsOf(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	slices.Sort(words)
	return slices.Compact(words)
}

func (b *Bot) shadowing() bool { return b.cfg.Shadow && !b.cfg.Live && b.Drafts != nil }

// keepShadow keeps what would have been sent.
func (h *handling) keepShadow(ctx context.Context, r Record, text string) {
	ctx, cancel := lasting(ctx, ledgerTimeout)
	defer cancel()
	d := h.newDraft(text, r.Reason)
	d.State, d.MessageID = DraftShadow, r.MessageID
	if err := h.bot.Drafts.KeepDraft(ctx, Lease{}, d); err != nil {
		h.bot.complain("redis", fmt.Errorf("draft: %w", err))
	}
}

// leftAlone is the reason of a record whose message a guard leaves alone in the
// shadow: it is judged again as it would be anywhere, and kept for the answer of a
// person.
const leftAlone = "left alone; the shadow waits for the answer of a person"

func (r Record) leftAlone() bool { return r.State == StateWaiting && r.Reason == leftAlone }

// leaves reports whether v leaves a message alone that a person may answer: by a
// guard of the rule author's.
func (b *Bot) leaves(v Verdict) bool {
	own := slices.ContainsFunc(safeties, func(s safety) bool { return s.name == v.Guard })
	return b.shadowing() && v.Outcome.Action == Skip && !own
}

// leave is skip where what people do about it is looked for.
func (h *handling) leave(ctx context.Context) result {
	b := h.bot
	if last, _ := h.conv.about(); h.lease.Record.leftAlone() && h.lease.Record.MessageID == last.ID {
		return h.compare(ctx)
	}
	if !h.advance(ctx, h.next(StateWaiting, Outcome{Reason: leftAlone}), shadowLook) {
		return b.failed(ctx, h.c, "redis", errNotMoved)
	}
	h.report(ctx)
	return result{again: shadowLook, parked: true}
}

// shadowAgain is when a thread that was handed over or left alone for good is
// looked at again; 0: never.
func (b *Bot) shadowAgain(c Cause) time.Duration {
	switch c {
	case CauseModel, CauseDoubt, CauseLoop, CauseCap, CauseDraft, CauseUnavailable:
		return 0
	case "", CauseRule, CauseAsked, CauseFacts, CausePolicy, CauseCheck:
	}
	if !b.shadowing() {
		return 0
	}
	return shadowLook
}

// looksBack reports whether what is decided about r's message is looked at a second
// time.
func (b *Bot) looksBack(r Record) bool {
	kept := r.State == StateHandoff || r.State == StateSkipped
	return r.State == StateSent || b.shadowing() && kept && r.Guard != guardShadow
}

// shadowOver reports whether no answer is looked for any more.
func (h *handling) shadowOver() bool {
	return h.lease.StoreNow.Sub(h.lease.Record.At) >= shadowFor
}

// compare looks for a person's answer to what the bot has decided about in the
// shadow, and tells of both.
func (h *handling) compare(ctx context.Context) result {
	b, r := h.bot, h.lease.Record
	c := Comparison{Guard: r.Guard, Would: Skip, Answer: h.answerTo(r.MessageID)}
	var d Draft
	switch r.State {
	case StateSent:
		var err error
		if d, err = b.Drafts.Draft(ctx, h.c.thread); err != nil {
			return b.failed(ctx, h.c, "redis", fmt.Errorf("draft: %w", err))
		}
		if d.State != DraftShadow || d.MessageID != r.MessageID {
			h.advance(ctx, r, 0)
			return result{}
		}
		guard := d.Guard
		c = Compare(d.Text, c.Answer)
		c.Guard = guard
	case StateHandoff:
		c.Would = Handoff
	default: // left alone
	}
	if c.Answer == "" && !h.shadowOver() {
		b.postpone(ctx, h.c.thread, shadowLook)
		return result{again: shadowLook, parked: true}
	}
	return h.tellCompared(ctx, c, d)
}

// tellCompared ends the looking for an answer, and tells of it once.
func (h *handling) tellCompared(ctx context.Context, c Comparison, d Draft) result {
	r := h.lease.Record
	who := "a person"
	if c.Answer == "" {
		who = "nobody"
	}
	reason := who + " answered what the bot " + map[Action]string{
		Reply: "has a draft for", Handoff: "would have handed over", Skip: "would have left alone",
	}[c.Would]
	switch {
	case r.State == StateWaiting && c.Answer != "":
		r.State = StateAnswered
	case r.State == StateWaiting:
		r.State = StateSkipped
	}
	if c.Would != Reply { // a draft says by itself that it was compared
		r.Guard, r.Reason = guardShadow, reason
	}
	told := h.advance(ctx, r, 0)
	if c.Would == Reply {
		told = h.moveDraft(ctx, d, DraftCompared)
	}
	if told {
		h.verdict.Guard, h.verdict.Outcome = guardShadow, Outcome{Action: Skip, Reason: reason}
		h.compared = &c
		h.report(ctx)
	}
	return result{}
}

// guardShadow is named where what the bot would have done was held against what
// people did.
const guardShadow = "shadow"

// answerTo is what people of our side wrote after the message. A shadow sends
// nothing: one who found the very words of the draft is a person too.
func (h *handling) answerTo(messageID string) string {
	var texts []string
	after := false
	for _, t := range h.conv.Turns {
		switch {
		case t.ID == messageID:
			after = true
		case after && t.Side == SideProspect:
			return strings.Join(texts, "\n")
		case after && t.Side == SideOurs && t.Writer != WriterCampaign:
			texts = append(texts, cmp.Or(t.Text, "["+strings.Join(t.Media, ", ")+"]"))
		}
	}
	return strings.Join(texts, "\n")
}
