package draftcheck

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// tongue is a language that can be told by its most frequent words.
type tongue struct {
	code  string
	words set
	names []string // of the language, as people of all tongues ask for it
}

var tongues = []tongue{
	{"en", setOf(`the and you your is are to of for it we i can with this that in on have will be not what how do if when our would from at or my there it's please any just so was has but they more an as by get`), []string{"english", "englisch", "ingles", "inglese", "anglais", "engels", "angielsk", "английск", "англійськ", "英語", "英文", "英语", "영어", "انجليزي", "إنجليزي", "אנגלית", "αγγλικα"}},
	{"de", setOf(`der die das und ist sie ich wir du nicht ein eine einen für mit auf zu den von im dem auch es bei wie was kann haben ihr uns aus noch oder dich dir mir sind wird werden wenn gibt ihre ihnen euch zum zur nach aber man so an am um sehr gern gerne bitte hat kein keine`), []string{"deutsch", "german", "aleman", "allemand", "tedesco", "alemao", "duits", "niemieck", "немецк", "ドイツ語", "德语"}},
	{"fr", setOf(`le la les des et est vous nous je un une pour de du dans en que qui pas au aux sur avec votre vos notre nos il elle ce cette plus ou c'est sont bien être avez pouvez à ne se mais tu te ton très si par`), []string{"francais", "french", "franzosisch", "frances", "francese", "frans", "francusk", "французск"}},
	{"es", setOf(`el la los las de que y en un una es por con para no se lo tu te su del al más como está son pero si nos le o desde cuando muy puedes tenemos también hay qué cuánto cuesta mi`), []string{"espanol", "spanis", "espagnol", "spagnolo", "espanhol", "castellano", "spaans", "hiszpansk", "испанск"}},
	{"pt", setOf(`o os as de que e em um uma é por com para não se do da dos das no na ao à seu sua você mais como está são mas pode também muito onde quanto custa até pelo pela temos sim isso`), []string{"portug", "portog"}},
	{"it", setOf(`il lo la gli le di che e in un una è per con non si del della dei delle al alla più come sono ma se da ci ti vi anche nel nella questo quanto quando abbiamo può vuole puoi i suo tuo`), []string{"italiano", "italian", "italienisch", "italien", "italiaans", "wlosk"}},
	{"nl", setOf(`de het een en van is je we in op voor met te niet dat die zijn bij ook naar kan kunnen wij ons u uw jij als er maar om wat hoe of aan heb hebben wordt nog graag deze dit ik kost kun`), []string{"nederlands", "dutch", "niederlandisch", "neerlandais", "holandes", "olandese", "hollands"}},
	{"pl", setOf(`i w na z do nie jest się to że o za po czy jak od dla ma są być można co tak ale oraz lub już tylko tego przez pani pan mamy proszę nas jeśli ile kosztuje dzień`), []string{"polsk", "polish", "polnisch", "polonais", "polaco", "polacco", "pools"}},
}

// A language is told by words when a text has enough of them, some of them
// different and longer than a letter, many among its words, and clearly more than
// of any other.
const (
	voteHits  = 4
	voteKinds = 3
	voteShare = 0.25
	voteLead  = 1.5
)

// frequent are the tongues that a word is frequent in, as bits.
var frequent = func() map[string]uint16 {
	in := map[string]uint16{}
	for i, t := range tongues {
		for w := range t.words {
			in[w] |= 1 << i
		}
	}
	return in
}()

// vote is the code of the language of words, "" when it is not clear.
func vote(words []word) string {
	hits, kinds, all := make([]int, len(tongues)), make([]int, len(tongues)), 0
	seen := set{}
	for _, w := range words {
		if w.low == "" || isNumber(w) {
			continue
		}
		all++
		in := frequent[w.low]
		first := in != 0 && len(w.low) > 1 && !seen[w.low]
		if first {
			seen[w.low] = true
		}
		for i := 0; in != 0; i, in = i+1, in>>1 {
			hits[i] += int(in & 1)
			kinds[i] += int(in&1) * boolInt(first)
		}
	}
	best, second := 0, 0
	for i, n := range hits {
		if n > hits[best] {
			best = i
		}
	}
	for i, n := range hits {
		if i != best {
			second = max(second, n)
		}
	}
	n := float64(hits[best])
	if hits[best] < voteHits || kinds[best] < voteKinds || n < voteShare*float64(all) || n < voteLead*float64(second) {
		return ""
	}
	return tongues[best].code
}

func tongueOf(code string) *tongue {
	for i := range tongues {
		if tongues[i].code == code {
			return &tongues[i]
		}
	}
	return nil
}

// baseOf is the language of a BCP 47 tag in lower case.
func baseOf(tag string) string {
	tag = strings.ToLower(strings.TrimSpace(tag))
	if i := strings.IndexAny(tag, "-_"); i >= 0 {
		tag = tag[:i]
	}
	return tag
}

// wrongLanguage finds a text that the prospect did not write in: by its script,
// or by its words where both sides are clear.
func wrongLanguage(d *draft) []Finding {
	inbound := d.newest()
	detail := d.wrongScript(inbound)
	if detail == "" {
		detail = d.wrongTongue(inbound)
	}
	if detail == "" {
		return nil
	}
	return []Finding{{Span: shorten(d.Text), Detail: detail}}
}

// recentInbound is how many of the prospect's messages tell their language.
const recentInbound = 3

// newest are the prospect's last messages, the newest first.
func (d *draft) newest() []string {
	recent := slices.Clone(d.Inbound[max(0, len(d.Inbound)-recentInbound):])
	slices.Reverse(recent)
	return recent
}

// recently is what f makes of the newest message, or of all when that says nothing.
func recently(inbound []string, f func(string) string) string {
	if len(inbound) == 0 {
		return ""
	}
	if t := f(inbound[0]); t != "" {
		return t
	}
	return f(strings.Join(inbound, "\n"))
}

func (d *draft) wrongTongue(inbound []string) string {
	mine := vote(d.words)
	if mine == "" || asksFor(inbound, mine) {
		return ""
	}
	theirs := recently(inbound, func(s string) string { return vote(wordsOf(s)) })
	named := baseOf(d.Language)
	switch {
	case theirs == mine:
		return ""
	case theirs != "":
		return fmt.Sprintf("in %q, the prospect writes in %q", mine, theirs)
	case named != mine && (tongueOf(named) != nil || mine == "en" && answeredInKind[named]):
		return fmt.Sprintf("in %q, the prospect writes in %q", mine, named)
	}
	return ""
}

// answeredInKind are languages without a table whose people do not mix in whole
// English sentences.
var answeredInKind = setOf(`sv da nb no nn fi cs sk hu ro hr sl et lv lt is el`)

// asksFor reports whether the prospect names the language.
func asksFor(inbound []string, code string) bool {
	text := folded(wordsOf(strings.Join(inbound, "\n")))
	return slices.ContainsFunc(tongueOf(code).names, func(name string) bool { return strings.Contains(text, fold(name)) })
}

// scripts are told apart; those of East Asia mix with each other.
var scripts = []struct {
	name   string
	tables []*unicode.RangeTable
}{
	{"Latin", []*unicode.RangeTable{unicode.Latin}},
	{"Cyrillic", []*unicode.RangeTable{unicode.Cyrillic}},
	{"Greek", []*unicode.RangeTable{unicode.Greek}},
	{"Arabic", []*unicode.RangeTable{unicode.Arabic}},
	{"Hebrew", []*unicode.RangeTable{unicode.Hebrew}},
	{"Chinese or Japanese", []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana}},
	{"Korean", []*unicode.RangeTable{unicode.Hangul}},
	{"Devanagari", []*unicode.RangeTable{unicode.Devanagari}},
	{"Thai", []*unicode.RangeTable{unicode.Thai}},
	{"Bengali", []*unicode.RangeTable{unicode.Bengali}},
	{"Tamil", []*unicode.RangeTable{unicode.Tamil}},
	{"Georgian", []*unicode.RangeTable{unicode.Georgian}},
	{"Armenian", []*unicode.RangeTable{unicode.Armenian}},
}

// scriptOf is the script of languages that are not written in Latin letters.
var scriptOf = map[string]string{
	"ru": "Cyrillic", "uk": "Cyrillic", "bg": "Cyrillic", "be": "Cyrillic", "mk": "Cyrillic", "sr": "Cyrillic", "kk": "Cyrillic",
	"el": "Greek", "ar": "Arabic", "fa": "Arabic", "ur": "Arabic", "he": "Hebrew", "yi": "Hebrew",
	"zh": "Chinese or Japanese", "ja": "Chinese or Japanese", "ko": "Korean",
	"hi": "Devanagari", "mr": "Devanagari", "ne": "Devanagari", "th": "Thai", "bn": "Bengali", "ta": "Tamil", "ka": "Georgian", "hy": "Armenian",
}

const (
	scriptLetters = 6   // that tell a script
	scriptShare   = 0.7 // of the letters
	strayLetters  = 3   // of the prospect's script make a text theirs, whatever else is in it
)

// wrongScript compares the letters of the text with the prospect's.
func (d *draft) wrongScript(inbound []string) string {
	mine := countScripts(d.Text)
	script := mine.major()
	theirs := recently(inbound, func(s string) string { return countScripts(s).major() })
	if script == "" || theirs == "" || script == theirs || theirs != "Latin" && mine[theirs] >= strayLetters {
		return ""
	}
	if script != "Latin" && scriptOf[baseOf(d.Language)] == script {
		return "" // their language, which they typed in Latin letters
	}
	if script == "Latin" && slices.ContainsFunc(tongues, func(t tongue) bool { return asksFor(inbound, t.code) }) {
		return ""
	}
	return fmt.Sprintf("in %s letters, the prospect writes %s", script, theirs)
}

// tallies are letters by script.
type tallies map[string]int

// major is the script of nearly all letters, "" when there is none.
func (t tallies) major() string {
	all, best := 0, ""
	for name, n := range t {
		all += n
		if n > t[best] {
			best = name
		}
	}
	if t[best] < scriptLetters && (best == "Latin" || t[best] < strayLetters) || float64(t[best]) < scriptShare*float64(all) {
		return ""
	}
	return best
}

// countScripts counts letters, those of addresses, handles and numbers' units
// aside.
func countScripts(text string) tallies {
	t := tallies{}
	for _, field := range fields(text) {
		if strings.ContainsAny(field, "@/#_0123456789") || strings.Contains(strings.Trim(field, "."), ".") {
			continue
		}
		for _, r := range field {
			t.add(r)
		}
	}
	for _, r := range text {
		if r >= 0x370 { // what fields leaves out
			t.add(r)
		}
	}
	return t
}

func (t tallies) add(r rune) {
	for _, s := range scripts {
		if unicode.In(r, s.tables...) {
			t[s.name]++
			return
		}
	}
}
