package draftcheck

import (
	"slices"
	"strings"
)

const (
	recentReplies = 3   // that a text must not be word for word
	nearlySame    = 0.9 // share of the words that two texts have in common
	manyOthers    = 10  // prospects who got the same text of late
	shortLetters  = 20  // what is shorter may be said as often as it is meant
	courtesyWords = 14  // most words of a courtesy
)

// courtesies are words that make a short text one that may be repeated.
var courtesies = setOf(`hi hello hey welcome thanks thank cheers pleasure anytime goodbye bye sorry congrats enjoy
	hallo hoi moin servus gern gerne danke bitte willkommen tschüss
	bonjour salut merci bienvenue plaisir prie
	hola gracias nada gusto buenas buenos saludos
	olá oi obrigado obrigada disponha boa bom
	ciao grazie prego buongiorno figurati
	dag graag gedaan dank bedankt welkom
	cześć dzień dzięki dziękuję proszę
	привет здравствуйте спасибо пожалуйста ありがとうございます こんにちは 谢谢 您好 شكرا مرحبا`)

// courteous reports whether words are a greeting, thanks or the like, and state
// nothing.
func courteous(text string, words []word, mayAsk bool) bool {
	if n := len(folded(words)); n <= shortLetters && !strings.ContainsAny(text, "0123456789") {
		return true
	}
	if len(words) > courtesyWords || strings.ContainsAny(text, "0123456789@/") || !mayAsk && strings.ContainsAny(text, "?？") {
		return false
	}
	return slices.ContainsFunc(words, func(w word) bool { return courtesies[w.low] })
}

// repeats finds a text that is nearly our last reply, or word for word one of the
// last few. It may be so when it takes up what the prospect has just named:
// another size, another country.
func repeats(d *draft) []Finding {
	if courteous(d.Text, d.words, false) {
		return nil
	}
	mine := folded(d.words)
	for i, back := len(d.Outbound)-1, 0; i >= 0 && back < recentReplies; i, back = i-1, back+1 {
		theirs := wordsOf(d.Outbound[i])
		switch {
		case mine == folded(theirs):
			return []Finding{{Span: shorten(d.Text), Detail: "what we said already, word for word"}}
		case back == 0 && alike(d.words, theirs) && !d.takesUp(theirs):
			return []Finding{{Span: shorten(d.Text), Detail: "nearly what we said last"}}
		}
	}
	return nil
}

// alike compares the words of two texts, in any order, and their numbers.
func alike(a, b []word) bool {
	counts := map[string]int{}
	for _, w := range b {
		counts[w.low]++
	}
	common := 0
	for _, w := range a {
		if counts[w.low] > 0 {
			counts[w.low]--
			common++
		} else if isNumber(w) {
			return false
		}
	}
	return float64(2*common) >= nearlySame*float64(len(a)+len(b))
}

// takesUp reports whether a word that is new against before stands in the
// prospect's newest message.
func (d *draft) takesUp(before []word) bool {
	if len(d.Inbound) == 0 {
		return false
	}
	has := func(words []word, low string) bool {
		return slices.ContainsFunc(words, func(w word) bool { return w.low == low })
	}
	asked := wordsOf(d.Inbound[len(d.Inbound)-1])
	return slices.ContainsFunc(d.words, func(w word) bool { return !has(before, w.low) && has(asked, w.low) })
}

// sameToMany finds what many others were told. Handoff messages come from
// templates, they are always the same.
func sameToMany(d *draft) []Finding {
	if d.Handoff || d.SameTo < manyOthers || courteous(d.Text, d.words, true) {
		return nil
	}
	return []Finding{{Span: shorten(d.Text), Detail: "many others were told the same of late"}}
}
