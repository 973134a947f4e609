package draftcheck

import (
	"hash/maphash"
	"regexp"
	"strings"
)

// leakRun is how many words in a row of an instruction make a leak. Shorter runs
// are common speech.
const leakRun = 8

// instructing marks a sentence of the system text as an order to the model. What
// is none, such as a fact that was written into the template, may be repeated.
var instructing = compile(nil, `
	you are|re|must|should|speak|represent|never|always
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
	if d.Instructions == "" || len(d.words) < leakRun {
		return nil
	}
	h := hasher()
	at := map[uint64]int{} // where a run begins in the draft
	for i := range len(d.words) - leakRun + 1 {
		at[h(d.words[i:i+leakRun])] = i
	}
	leaked := make([]bool, len(d.words))
	mark := func(text string, orders, as bool) {
		for _, s := range sentences(text, orders) {
			for i := 0; i+leakRun <= len(s); i++ {
				if from, ok := at[h(s[i:i+leakRun])]; ok {
					leaked[from] = as
				}
			}
		}
	}
	mark(d.Instructions, true, true)
	for _, texts := range [][]string{d.Facts, d.Inbound, d.Outbound} {
		for _, t := range texts {
			mark(t, false, false)
		}
	}
	return runs(leaked)
}

// runs joins the runs that begin where leaked is set.
func runs(leaked []bool) []hit {
	var hits []hit
	for i, yes := range leaked {
		switch {
		case !yes:
		case len(hits) > 0 && i <= hits[len(hits)-1].to:
			hits[len(hits)-1].to = i + leakRun
		default:
			hits = append(hits, hit{i, i + leakRun})
		}
	}
	return hits
}

// offered is a wording that instructions give to be used: "say: "..."".
var offered = regexp.MustCompile(`"[^"\n]*"|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»`)

// sentences are the words of a text, sentence by sentence; of those that give
// orders alone, if orders. A line that was wrapped goes on in the next.
func sentences(text string, orders bool) [][]word {
	if orders {
		text = offered.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("\x01", len(s)) })
	}
	text = wrapped.ReplaceAllString(text, "$1 $2")
	words := wordsOf(text)
	var all [][]word
	for i, from := 0, 0; i <= len(words); i++ {
		if i < len(words) && words[i].sentence == words[from].sentence || i == from {
			continue
		}
		if s := words[from:i]; !orders || len(instructing.find(s)) > 0 {
			all = append(all, s)
		}
		from = i
	}
	return all
}

// wrapped is a line's end within a sentence.
var wrapped = regexp.MustCompile(`([\pL\d,;)])\n(\pL)`)

func hasher() func([]word) uint64 {
	seed := maphash.MakeSeed()
	return func(words []word) uint64 {
		var h maphash.Hash
		h.SetSeed(seed)
		for _, w := range words {
			_, _ = h.WriteString(w.low)
			_ = h.WriteByte(0)
		}
		return h.Sum64()
	}
}
