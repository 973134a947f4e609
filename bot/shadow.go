package bot

import (
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

// Comparison is a draft that nobody saw beside what a person answered to the same
// messages.
type Comparison struct {
	Guard  string // that had the bot reply
	Draft  string
	Answer string // the person's messages, a line each; "" when nobody answered within two days
	// Added are the facts (numbers, prices, dates, links, addresses) that only the
	// person's answer has, Left those that only the draft has.
	Added, Left []string
	// Likeness is the share of words that both have in common, of all words, 0 to 1.
	Likeness float64
}

// SameFacts reports whether both hold the same facts.
func (c Comparison) SameFacts() bool { return len(c.Added) == 0 && len(c.Left) == 0 }

var facts = regexp.MustCompile(`(?i)[\w.+-]+@[\w-]+(?:\.[\w-]+)+|https?://[^\s<>"]+|(?:www\.)[^\s<>"]+|\d(?:[\d.,:/-]*\d)?`)

// Compare holds a draft against an answer.
func Compare(draft, answer string) Comparison {
	c := Comparison{Draft: draft, Answer: answer}
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
	if err := h.bot.Drafts.KeepDraft(ctx, d); err != nil {
		h.bot.complain("redis", fmt.Errorf("draft: %w", err))
	}
}

// compare looks for a person's answer to what a shadow draft would have answered,
// and tells of both.
func (h *handling) compare(ctx context.Context) result {
	b := h.bot
	r := h.lease.Record
	d, err := b.Drafts.Draft(ctx, h.c.thread)
	if err != nil {
		return b.failed(ctx, h.c, "redis", fmt.Errorf("draft: %w", err))
	}
	if d.State != DraftShadow || d.MessageID != r.MessageID {
		h.advance(ctx, r, 0)
		return result{}
	}
	answer := h.answerTo(d.MessageID)
	if answer == "" && h.lease.StoreNow.Sub(r.At) < shadowFor {
		b.postpone(ctx, h.c.thread, shadowLook)
		return result{again: shadowLook, parked: true}
	}
	h.advance(ctx, r, 0)
	if h.moveDraft(ctx, d, DraftCompared) {
		c := Compare(d.Text, answer)
		c.Guard = d.Guard
		reason := "a person answered what the bot has a draft for"
		if answer == "" {
			reason = "nobody answered what the bot has a draft for"
		}
		h.verdict.Guard, h.verdict.Outcome = guardShadow, Outcome{Action: Skip, Reason: reason}
		h.compared = &c
		h.report(ctx)
	}
	return result{}
}

// guardShadow is named where a draft was held against a person's answer.
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
			texts = append(texts, t.Text)
		}
	}
	return strings.Join(texts, "\n")
}
