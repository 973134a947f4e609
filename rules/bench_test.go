package rules

import (
	"fmt"
	"testing"

	"inboxbot/bot"
)

// BenchmarkJudge20 judges one conversation with 20 guards of the usual kinds, of
// which none fires: the most it can cost.
func BenchmarkJudge20(b *testing.B) {
	usual := []string{
		`tagged("VIP")`, `not open("always")`, `thread.request`, `prospect.followers > 100000`, `thread.assigned`,
		`last.text matches "(?i)refund|lawyer|chargeback"`, `lower(last.text) contains "unsubscribe"`, `waiting > duration("24h")`,
		`unanswered > 10`, `any(texts, # contains "human")`,
	}
	lines := []string{"hours: {always: {mon-sun: ['00:00-24:00']}}", "guards:"}
	for i := range 20 {
		lines = append(lines, guardLine(fmt.Sprint("guard", i), usual[i%len(usual)], bot.Handoff))
	}
	s := load(b, Options{}, append(lines, "default: reply")...)
	c := conv(says("Hello there!"), answered(bot.WriterBot, 0), says("Do you ship to Norway?", "And how long would that take?"), hasTags("customer", "newsletter"))
	b.ReportAllocs()
	for b.Loop() {
		if v := s.Judge(c); v.Guard != "default" {
			b.Fatal(v)
		}
	}
}

// BenchmarkLoad reads the rule file we ship.
func BenchmarkLoad(b *testing.B) {
	src := Default()
	for b.Loop() {
		if _, err := Load("rules.yaml", src, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
