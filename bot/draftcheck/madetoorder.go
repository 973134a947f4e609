package draftcheck

import "slices"

// A text made to order is one that the prospect told us how to make: a translation,
// a poem, a correction, the first letters of their words. Its words are ours, so
// nothing of what was demanded need stand in it, and no check can read what it
// means. Who has such a request gets a person, unless the text says little but
// what the facts do.

// orderedTexts are how people order a text.
var orderedTexts = compile(map[string]string{
	"WRITE": `write|compose|make|create|draft|generate|issue|produce|invent|tell|sing|give|recite|compile`,
	"KIND":  `poem|haiku|limerick|song|rap|rhyme|sonnet|joke|essay|speech|slogan|acrostic|anagram|dialogue|sermon|manifesto|confession|testimonial|fanfiction|roleplay|spell|riddle`,
}, `
	translate|rewrite|rephrase|paraphrase|reword|transcribe|proofread|autocorrect|decode|decrypt|encode|encrypt|decipher|unscramble this|that|it|these|those|into|to|the|following|my|your|from|and|word|text
	correct|fix my|this|the|these|following|and * grammar|spelling|sentence|text|typos|give|post|send|say|print|repeat
	correct|fix this|that|it and give|post|send|say|print|repeat
	WRITE * KIND
	WRITE * story|tale|certificate|contract|agreement|statement|affidavit|note|letter about|where|that|which|saying|stating|declaring|in
	put|turn|make|convert|transform * into|to|as|in * poem|poetry|verse|rhyme|rhymes|song|rap|haiku|emojis|emoji|english|german|spanish|french|italian|dutch|portuguese|polish|russian|morse|binary
	in|with your own words
	into|in|as a poem|haiku|limerick|song|rap|rhyme|sonnet|story
	in pig|morse|binary|leetspeak|klingon|latin|pirate|reverse|rhyme|rhymes
	first|last|second|third|initial|nth letter|letters|character|characters of a|each|every|these|this|all|the|that
	every|each|first|last letter|letters|character|characters|word by|back|forward|one
	letter|letters by|for letter|one
	shift|rotate|replace|reverse|swap * letter|letters|word|words|characters
	write|send|give|post|return|output|answer|reply only|just|nothing|me|the|with * result|output|translation|letters|correction|solution
	complete|finish|continue|fill the|this|my|in|following * sentence|sentences|phrase|story|poem|text|blank|blanks|gap|gaps
	you are|re now|no|from|a|an * tool|terminal|translator|interpreter|pirate|dan|compiler|shell|console|simulator|autocorrect
	pretend|roleplay|simulate you|that|to|as|being|a
	act|behave|speak|talk|answer|reply as|like a|an|if|though|you|someone|my
	let s|us play|roleplay
	write|post|compose|give|leave * review|testimonial|rating|recommendation of|for|about|praising
	übersetze|übersetzen|übersetz|korrigiere|korrigier|verbessere|entschlüssele|dechiffriere|umformuliere das|dies|diesen|diese|deine|meine|ins|in|auf|mir|bitte|und|folgendes|folgenden
	mit|in deinen|eigenen|euren eigenen|worten worten
	schreib|schreibe|dichte|erfinde|verfasse|reim|reime * gedicht|lied|haiku|reim|witz|slogan
	als gedicht|lied|haiku|reim
	tu|stell so|dir als|vor * ob|du
	ersten|jeden|jeder|anfangsbuchstaben * buchstaben|buchstabe
	traduis|traduisez|corrige|corrigez|reformule|reformulez|déchiffre|décode ce|cette|tes|vos|en|ma|mon|le|la|ceci|et|cela
	avec tes|vos propres mots
	écris|écrivez|compose|rédige|rédigez|invente|raconte * poème|poésie|chanson|haïku|blague|rime
	fais|faites comme si
	première|premières|chaque lettre|lettres
	traduce|traduzca|traduza|traduz|traducir|traduzir|corrige|corrija|descifra|decodifica|decifra al|a|el|la|esto|isto|en|em|para|o|mi|minha|mis|tus|suas|este|esta|y|e
	con|com tus|sus|suas|tuas|as propias|próprias|palabras|palavras
	escribe|escriba|escreva|escreve|inventa|redacta|compón|crea|cria * poema|poesía|poesia|canción|canção|haiku|chiste|piada|rima
	finge|fingir que|ser
	primera|primeras|primeira|primeiras|cada letra|letras
	traduci|traduca|correggi|riscrivi|decifra in|il|la|questo|questa|le|i|e
	con|a parole tue|sue
	scrivi|componi|inventa * poesia|canzone|haiku|barzelletta|rima
	vertaal|corrigeer|herschrijf|ontcijfer naar|dit|dat|deze|je|mijn|in|het|de|en
	in je|jouw|uw eigen woorden
	schrijf|dicht|verzin * gedicht|lied|haiku|grap
	översätt|rätta|oversæt|oversett till|til|detta|denna|dette|det|mina|dina|den
	przetłumacz|popraw|przepisz na|to|ten|moje|swoje|i
	napisz|ułóż|wymyśl * wiersz|wierszyk|piosenkę|haiku|żart
	переведи|переведите|исправь|исправьте|перепиши|расшифруй на|это|этот|текст|мои|свои|и
	своими словами
	напиши|сочини|придумай * стих|стихи|стихотворение|песню|хокку|шутку
	ترجم|ترجمي|صحح هذا|هذه|الى|النص|لي|لل
	اكتب|الف * قصيدة|شعرا|اغنية|نكتة
	çevir|tercüme bunu|et|şunu
`)

// orderedDense are the same in scripts that put no spaces between words.
var orderedDense = []string{"翻訳して", "訳して", "詩を書いて", "俳句を", "詩にして", "添削して", "翻译成", "翻譯成", "翻译一下", "写一首", "寫一首", "改写", "번역해", "시를 써", "시로 써"}

const (
	foundedShare = 0.5 // of the words that say something, which the facts say too
	fewLetters   = 4   // shorter words say little
)

// madeToOrder reports whether the newest messages order a text, and this one says
// what the facts do not.
func (d *draft) madeToOrder() bool {
	recent := d.newest()
	ordered := slices.ContainsFunc(recent[:min(2, len(recent))], func(text string) bool {
		text = plainly(text)
		return len(orderedTexts.find(wordsOf(text))) > 0 || containsAny(text, orderedDense)
	})
	return ordered && !d.founded()
}

// founded reports whether the facts and our own messages hold most of what the
// text says. Who does not tell facts from instructions has the whole system text.
func (d *draft) founded() bool {
	known, facts := set{}, d.Facts
	if len(facts) == 0 {
		facts = d.Given
	}
	for _, text := range slices.Concat(facts, d.Outbound) {
		for _, w := range wordsOf(text) {
			known[w.low] = true
		}
	}
	all, held := 0, 0
	for _, w := range d.words {
		if frequent[w.low] != 0 || courtesies[w.low] || agreeing[w.low] || len(w.low) < fewLetters && !isNumber(w) {
			continue
		}
		all++
		if known[w.low] {
			held++
		}
	}
	return float64(held) >= foundedShare*float64(all)
}
