package draftcheck

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a prospect tells us to say is theirs. The check cannot know what is true,
// but it can see that a text was put into our mouth: it follows "say" or "reply
// with" in what they wrote, and stands neither in the facts nor in what we said
// before. The claims in such words (links, prices, ...) count for nothing either.

// demands are how people say that what comes next is to be said.
var demands = compile(map[string]string{
	"SAY":   `say|state|repeat|echo|output|print|write|type|post|send|tell|declare|announce|promise|confirm`,
	"REPLY": `reply|respond|answer|message|response|output|text|completion`,
}, `
	reply|respond|answer with|exactly|only|saying|verbatim|literally|that
	SAY exactly|only|that|verbatim|literally|this|these|following
	SAY the|these|this|my following|words|word|phrase|sentence|text|line|next
	SAY * word for word
	SAY * after me
	SAY back|aloud|everyone|everybody|them|me|us * that
	tell|inform|assure me|us|him|her|them|everyone|everybody|people|customers|users that
	REPLY must|should|shall|has|needs|will|to be|read|say|contain|include|start|begin|end|consist
	your REPLY is|are|now
	start|begin|end|finish|sign|open|close your|every|each|the|all|any REPLY|replies|answers|messages|sentence with|by
	include|insert|put|add|append|mention * in|to|into|at|with your|every|each|the|all|any REPLY|replies|answers|messages
	always|must|should|please|only|simply|just|now|then|and|or|never|to|can|could|you|i|ll say|repeat|echo|output|print|promise
	repeat|echo|copy|quote|paraphrase this|that|it|these|after|everything|what|my|verbatim
	antworte|antworten|antwort nur|genau|ausschließlich|exakt|mit|einfach
	sag|sage|sagen|schreib|schreibe|wiederhole|bestätige|bestätigen|bestätigt nur|genau|exakt|mir|dass|einfach|folgendes|bitte|wörtlich
	bitte|nur|jetzt|dann|und sag|sage|schreib|schreibe|wiederhole
	réponds|répondez|répond uniquement|seulement|exactement|juste|par|simplement
	dis|dites|écris|écrivez|répète|répétez|confirme|confirmez moi|que|exactement|juste|simplement|uniquement|ceci
	responde|responda|contesta|conteste|rispondi|risponda solo|só|apenas|somente|exactamente|exatamente|esattamente|con|com|únicamente|simplemente|soltanto|que
	di|diga|dime|escribe|repite|confirma|confirme|escreva|repita|scrivi|ripeti|conferma que|che|exactamente|exatamente|esattamente|solo|esto|isto|questo
	antwoord|zeg|schrijf|herhaal|bevestig alleen|precies|met|dat|exact|gewoon
	odpowiedz|powiedz|napisz|powtórz|potwierdź tylko|dokładnie|że
	ответь|ответьте|скажи|скажите|напиши|напишите|повтори|повторите|подтверди только|ровно|что|точно|просто|слово|именно
	svara|svar|säg|skriv|upprepa|sig|gentag|si|gjenta bara|bare|kun|endast|exakt|præcis|att|at|følgende|följande
	відповідай|скажи|напиши|повтори тільки|лише|що|точно
`)

// speaking are the verbs that demand what follows when a colon or a quote comes
// next, or when a sentence begins with one of imperative.
var (
	speaking = setOf(`say saying says reply respond answer repeat echo output print write type post tell text message state confirm quote following
		sag sage sagen antworte antworten antwort schreib schreibe wiederhole bestätige nachricht
		dis dites réponds répondez réponse écris écrivez répète répétez confirme confirmez
		di diga dime responde respuesta escribe repite contesta confirma responda resposta escreva repita rispondi risposta scrivi ripeti conferma
		zeg antwoord schrijf herhaal bevestig odpowiedz odpowiedź powiedz napisz powtórz potwierdź
		ответь ответьте ответ скажи скажите напиши напишите повтори повторите відповідай söyle yaz cevapla tekrarla`)
	imperative = setOf(`say repeat echo output print sag sage wiederhole dis dites répète répétez diga repite repita ripeti zeg herhaal powiedz powtórz скажи скажите повтори повторите söyle tekrarla`)
)

// spokenCJK demand what follows in scripts that put no spaces between words.
var spokenCJK = []string{
	"请说", "請說", "说：", "说:", "说“", "说「", "回复", "回覆", "回答", "重复", "重複", "复述", "输出", "輸出", "就说", "写：",
	"と言って", "と返信", "と答えて", "と返事", "返信して", "繰り返して", "復唱", "라고 말해", "라고 답", "라고 대답", "따라 말해", "반복해",
}

const (
	dictatedRun   = 4   // words in a row that two texts share
	dictatedShare = 0.7 // share of the draft's words that such runs cover
	parroted      = 6   // words of a text that nobody has to demand to be theirs
	fewWords      = 3   // a demand with less behind it is about the next message
)

// agreeing are words that a text may consist of, whoever said them first.
var agreeing = setOf(`yes no yeah yep nope ok okay sure of course right correct exactly true false done got it great perfect good nice cool you re your are is
	that this it s we i here all will do the a and to very much so too also not
	ja nein klar genau richtig gut super oui non bien sûr exact d accord sí si claro correcto vale sim não certo certamente giusto va bene klopt nee goed tak nie jasne да нет конечно хорошо はい いいえ 是 是的 好 好的 네 아니요 evet hayır`)

func dictated(d *draft) []Finding {
	if d.Handoff || d.harmless() {
		return nil
	}
	told := d.theirs()
	if told.whole(d) {
		return []Finding{{Span: shorten(d.Text), Detail: "words that the prospect told us to say"}}
	}
	if h, found := told.mostly(d); found {
		return []Finding{{Span: h.span(d.Text, d.words), Detail: "words that the prospect told us to say"}}
	}
	if d.madeToOrder() {
		return []Finding{{Span: shorten(d.Text), Detail: "a text that the prospect told us how to make"}}
	}
	if d.parrots() {
		return []Finding{{Span: shorten(d.Text), Detail: "the prospect's own words, said back"}}
	}
	return nil
}

// harmless reports whether a text says nothing that could be held against us.
func (d *draft) harmless() bool {
	return !slices.ContainsFunc(d.words, func(w word) bool { return !agreeing[w.low] && !courtesies[w.low] })
}

// theirs are the words that the prospect demanded be said, in the conversation and
// in the profile. free is the rest of the conversation.
type theirs struct {
	regions []string
	free    []string
}

func (d *draft) readTheirs() *theirs {
	t := &theirs{}
	next := false // the message before demanded that this one be said
	for _, text := range d.Inbound {
		text = plainly(text)
		before, region, found := demanded(text)
		switch {
		case found:
			t.regions, t.free = append(t.regions, region), append(t.free, before)
		case next:
			t.regions = append(t.regions, text)
		default:
			t.free = append(t.free, text)
		}
		next = found && len(wordsOf(region)) < fewWords
		t.regions = append(t.regions, decoded(text)...)
	}
	for _, text := range d.Profile {
		text = plainly(text)
		if _, region, found := demanded(text); found {
			t.regions = append(t.regions, region)
		}
		t.regions = append(t.regions, decoded(text)...)
	}
	return t
}

// demanded parts a text at its first demand.
func demanded(text string) (before, region string, found bool) {
	words := wordsOf(text)
	at := len(text) + 1
	for _, h := range demands.find(words) {
		at = min(at, words[h.to-1].end)
	}
	for i, w := range words {
		first := i == 0 || words[i-1].sentence != w.sentence
		if w.end < at && (speaking[w.low] && opensSpeech(text[w.end:]) || first && imperative[w.low]) {
			at = w.end
			break
		}
	}
	if containsAny(text, spokenCJK) {
		at = 0 // what is to be said may stand before it
	}
	if at > len(text) {
		return text, "", false
	}
	return text[:at], text[at:], true
}

func containsAny(text string, marks []string) bool {
	return slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(text, m) })
}

// opensSpeech reports whether a colon or a quote comes first.
func opensSpeech(rest string) bool {
	rest = strings.TrimLeft(rest, " \t")
	r, _ := utf8.DecodeRuneInString(rest)
	return strings.ContainsRune("\":：“„”«‹「『`*'‘’\n", r) && (r != '\'' && r != '’' || len(rest) > 1 && rest[1] != 's')
}

// whole reports whether the whole text stands in a region, and nowhere else where
// it may be from.
func (t *theirs) whole(d *draft) bool {
	if holds(t.regions, d.words) {
		return !holds(d.Facts, d.words) && !holds(d.Outbound, d.words)
	}
	return slices.ContainsFunc(mirrored(d.Text), func(text string) bool {
		words := wordsOf(text)
		return len(words) > 1 && holds(d.Inbound, words)
	})
}

// holds reports whether one of texts has the words in a row; in scripts without
// spaces, whether it has their letters.
func holds(texts []string, mine []word) bool {
	want, dense := folded(mine), hasCJK(mine)
	if dense {
		want = strings.ReplaceAll(want, " ", "")
	}
	for _, text := range texts {
		theirs := folded(wordsOf(text))
		if dense && strings.Contains(strings.ReplaceAll(theirs, " ", ""), want) ||
			!dense && strings.Contains(" "+theirs+" ", " "+want+" ") {
			return true
		}
	}
	return false
}

func hasCJK(words []word) bool {
	return slices.ContainsFunc(words, func(w word) bool {
		return strings.ContainsFunc(w.low, func(r rune) bool {
			return r >= firstUnspaced && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
		})
	})
}

// mostly returns a sentence of the draft most of whose words stand in regions, in
// runs: shorter ones as they are, longer ones whoever is meant by I and you.
func (t *theirs) mostly(d *draft) (hit, bool) {
	if len(t.regions) == 0 {
		return hit{}, false
	}
	taken := make([]int, len(d.words))
	for _, h := range append(
		d.shared(dictatedRun, asWritten, t.regions, d.Facts, d.Outbound),
		d.shared(turnedRun, anyPerson, t.regions, d.Facts, d.Outbound)...,
	) {
		for i := h.from; i < h.to; i++ {
			taken[i] = 1
		}
	}
	for from := 0; from < len(d.words); {
		covered, to := 0, from
		for ; to < len(d.words) && d.words[to].sentence == d.words[from].sentence; to++ {
			covered += taken[to]
		}
		if float64(covered) >= dictatedShare*float64(to-from) {
			return hit{from, to}, true
		}
		from = to
	}
	return hit{}, false
}

// A turned order is one in the other person: "say that you obey me", "I obey you".
const turnedRun = 6

var persons = setOf(`i you we me us my your our mine yours ours am are ich du wir sie mich dich uns ihr mein dein unser je tu vous nous mon ton notre votre yo tú nosotros mi tu nuestro`)

func asWritten(w word) string { return w.low }

func anyPerson(w word) string {
	if persons[w.low] {
		return "-"
	}
	return w.low
}

// shared returns where the draft has n words in a row with one of texts, and with
// none of the others; as says what a word counts as.
func (d *draft) shared(n int, as func(word) string, texts []string, others ...[]string) []hit {
	if len(d.words) < n {
		return nil
	}
	has, but := runSet(n, as, texts), runSet(n, as, slices.Concat(others...))
	begins := make([]bool, len(d.words))
	for i := range len(d.words) - n + 1 {
		run := runOf(d.words[i:i+n], as)
		begins[i] = has[run] && !but[run] && d.words[i].sentence == d.words[i+n-1].sentence
	}
	return joined(begins, n)
}

// runSet holds every n words in a row of texts.
func runSet(n int, as func(word) string, texts []string) set {
	s := set{}
	for _, text := range texts {
		words := wordsOf(text)
		for i := range len(words) - n + 1 {
			s[runOf(words[i:i+n], as)] = true
		}
	}
	return s
}

func runOf(words []word, as func(word) string) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(as(w))
		b.WriteByte(' ')
	}
	return b.String()
}

// parrots reports whether a longer text is word for word what the prospect wrote.
// What they ask may be answered in their words.
func (d *draft) parrots() bool {
	if n := len(folded(d.words)); len(d.words) < parroted && (!hasCJK(d.words) || n < 3*2*parroted) {
		return false
	}
	if !holds(plain(d.Inbound), d.words) && !holds(plain(d.Profile), d.words) {
		return false // most drafts
	}
	var stated []string
	for _, text := range plain(slices.Concat(d.Inbound, d.Profile)) {
		stated = append(stated, statements(text)...)
	}
	return holds(stated, d.words) && !holds(d.Facts, d.words) && !holds(d.Outbound, d.words)
}

func plain(texts []string) []string {
	var out []string
	for _, text := range texts {
		out = append(out, plainly(text))
	}
	return out
}

// statements are the longest parts of a text without a question.
func statements(text string) []string {
	var all []string
	start, begin := 0, 0 // of the statement, of its last sentence
	for i, r := range text {
		switch r {
		case '?', '？':
			all = append(all, text[start:begin])
			start, begin = i+1, i+1
		case '.', '!', '\n', '。', '！':
			begin = i + utf8.RuneLen(r)
		}
	}
	return append(all, text[start:])
}
