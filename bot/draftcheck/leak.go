package draftcheck

import (
	"hash/maphash"
	"iter"
	"regexp"
	"strings"
)

// leakRun is how many words in a row of an instruction make a leak. Shorter runs
// are common speech.
const leakRun = 8

// privateRun is how many words in a row of the team's notes make one.
const privateRun = 5

// instructing marks a sentence of the system text as an order to the model. What
// is none, such as a fact that was written into the template, may be repeated.
var instructing = compile(nil, `
	you are|re|must|should|answer|reply|write|speak|represent|never|always
	your task|role|job|tone|goal|persona|decision|answer|answers|reply|replies|name|instructions
	never|don|not|avoid say|t|claim|reveal|mention|promise|disclose|discuss|speak|offer|share|tell|invent|guess|use|repeat|quote
	do not say|claim|reveal|mention|promise|disclose|discuss|speak|offer|share|tell|invent|make|give|guess|use|answer|reply|repeat|quote
	don t say|claim|reveal|mention|promise|disclose|discuss|speak|offer|share|tell|invent|make|give|guess|use|answer|reply|repeat|quote
	say only
	answer|respond|reply what|in|with|only|to|as|briefly|politely
	instructions|json|handoff|prospect|prospects|confidence|confidential|internal
	hand off|over|it|them|to
	not to be repeated
	if asked|they|the|one|someone
	choose it
	no greeting|markdown|signature|emojis|emoji|hashtags
	sentences friendly
	act|write|speak as|in|like|with
	messages and|come
	system prompt|text|message
	du bist|darfst|sollst|musst|antwortest|sprichst|schreibst
	sie sind ein|eine
	antworte|antworten|schreibe|nenne|erwähne|verrate|verspreche|sage nur|nie|niemals|nicht|auf|in|immer|keine
	niemals|nie erwähnen|nennen|sagen|verraten
	tu|vous es|êtes un|une
	réponds|répondez|ne|n toujours|en|jamais|mentionne|révèle|promets
	eres|responde|nunca un|una|siempre|en|solo|menciones|reveles|prometas
	você|voce é|e|deve|nunca
	rispondi|sei|non sempre|solo|in|un|una|menzionare|rivelare|promettere
	je bent|antwoord
`)

// ofInstructions is how a text speaks of the instructions behind it.
var ofInstructions = compile(nil, `
	my|our system|initial|hidden prompt|message|instructions
	my|the prompt says|forbids|tells|doesn
	my instructions are|say|tell|forbid|don|do|state|prevent|require|prohibit
	according|per|due|following|under|against to|my my|instructions instructions|guidelines
	against|under|per my instructions|guidelines
	according|due to my instructions|guidelines|prompt|programming
	i was|am|ve|have instructed|been told|to|instructed not|to
	i was|am instructed|told|programmed to|not
	i ve|have been instructed|told|programmed
	i m|am not allowed to reveal|disclose|share my|the instructions|prompt|rules
	meine|meinen|meiner anweisungen|anweisung|instruktionen|systemprompt|vorgaben
	ich wurde angewiesen|instruiert|programmiert
	mes|mon instructions|prompt|consignes
	mis|mi instrucciones|prompt
	minhas|meu instruções|prompt
	le|mie istruzioni|mie istruzioni|prompt
	mie istruzioni
	mijn|mijn instructies|prompt|systeemprompt
	moje|moimi|moich instrukcje|instrukcjami|instrukcji
`)

func promptLeak(d *draft) []Finding {
	var found []Finding
	if at := indexFold(d.Text, d.Canary); d.Canary != "" && at >= 0 {
		found = append(found, Finding{Span: d.Text[at : at+len(d.Canary)], Detail: "the mark of the system text"})
	}
	for _, h := range ofInstructions.find(d.words) {
		found = append(found, Finding{Span: h.span(d.Text, d.words), Detail: "speaks of its instructions"})
	}
	for _, h := range d.repeatedInstructions() {
		found = append(found, Finding{Span: h.span(d.Text, d.words), Detail: "repeats an instruction of the system text"})
	}
	if len(d.Private) > 0 {
		for _, h := range d.shared(privateRun, asWritten, d.Private, d.Facts, d.Inbound, d.Outbound) {
			found = append(found, Finding{Span: h.span(d.Text, d.words), Detail: "repeats what only the team may read"})
		}
	}
	for _, text := range append(decoded(d.Text), mirrored(d.Text)...) {
		plain := draft{Input: d.Input, words: wordsOf(text), orders: d.orders}
		if d.Canary != "" && indexFold(text, d.Canary) >= 0 || len(plain.repeatedInstructions()) > 0 {
			found = append(found, Finding{Span: shorten(d.Text), Detail: "repeats the system text in disguise"})
		}
	}
	return found
}

// indexFold is strings.Index, whatever the case of ASCII letters.
func indexFold(s, sub string) int {
	for i := 0; i+len(sub) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(sub)], sub) {
			return i
		}
	}
	return -1
}

// repeatedInstructions finds runs of words that stand in an instruction, and
// neither in the facts nor in the conversation.
func (d *draft) repeatedInstructions() []hit {
	if len(d.words) < leakRun || d.Instructions == "" {
		return nil
	}
	begins := map[uint64]int{} // where a run begins in the draft
	for i, h := range runsOf(d.words) {
		begins[h] = i
	}
	system := d.orders()
	leaked := make([]bool, len(d.words))
	found := false
	for i, h := range runsOf(system) {
		if at, ok := begins[h]; ok && orders(d.Instructions, system, i) {
			leaked[at], found = true, true
		}
	}
	if !found {
		return nil
	}
	for _, texts := range [][]string{d.Facts, d.Inbound, d.Outbound} {
		for _, t := range texts {
			for _, h := range runsOf(wordsOf(t)) {
				if at, ok := begins[h]; ok {
					leaked[at] = false
				}
			}
		}
	}
	return joined(leaked, leakRun)
}

// runsOf yields the words where a run of one sentence begins, with its hash.
func runsOf(words []word) iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		hashes := make([]uint64, len(words))
		for i, w := range words {
			hashes[i] = maphash.String(seed, w.low)
		}
		for i := range len(words) - leakRun + 1 {
			if words[i].sentence != words[i+leakRun-1].sentence {
				continue
			}
			h := uint64(0)
			for _, one := range hashes[i : i+leakRun] {
				h = h*0x100000001b3 + one
			}
			if !yield(i, h) {
				return
			}
		}
	}
}

var seed = maphash.MakeSeed()

// offered is a wording that instructions give to be used: say "...".
var offered = regexp.MustCompile(`"[^"\n]*"|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»`)

// orders reports whether the run at words[i] is part of an order to the model,
// and not of a wording that it is given to use.
func orders(text string, words []word, i int) bool {
	from, to := i, i
	for from > 0 && words[from-1].sentence == words[i].sentence {
		from--
	}
	for to < len(words) && words[to].sentence == words[i].sentence {
		to++
	}
	if len(instructing.find(words[from:to])) == 0 {
		return false
	}
	start, end := words[from].start, len(text)
	if to < len(words) {
		end = words[to].start
	}
	for _, quote := range offered.FindAllStringIndex(text[start:end], -1) {
		if words[i].start >= start+quote[0] && words[i+leakRun-1].end <= start+quote[1] {
			return false
		}
	}
	return true
}

// joined makes hits of the runs of n words that begin where begins is set.
func joined(begins []bool, n int) []hit {
	var hits []hit
	for i, yes := range begins {
		switch {
		case !yes:
		case len(hits) > 0 && i <= hits[len(hits)-1].to:
			hits[len(hits)-1].to = i + n
		default:
			hits = append(hits, hit{i, i + n})
		}
	}
	return hits
}
