package draftcheck

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// residue is something in a text that was meant for a program.
type residue struct {
	any    string         // what is in it, so that most texts need no search: of each field one character
	re     *regexp.Regexp // its first group, or all of it, is the span
	detail string
	quoted bool // it may be there when the facts or the prospect write the same
}

const (
	ofTemplate = "a placeholder that nothing was put into"
	ofModel    = "a mark of the model's, not a message"
	ofData     = "data for a program, not a message"
	ofNotes    = "a note of our own transcript"
)

var residues = []residue{
	{"{<", regexp.MustCompile(`\{\{[^{}]{0,200}\}?\}?|\{%[^{}]{0,200}%\}|<%[^<>]{0,200}%>`), ofTemplate, true},
	{"{", regexp.MustCompile(`\$\{[^{}\n]{0,80}\}|\{[A-Za-z_][\w.]{0,40}\}|\{\d\}`), ofTemplate, true},
	{"%", regexp.MustCompile(`(?:^|[^\d\s%]\s*|\n)(%(?:\d+\$)?[sdvqf])\b`), ofTemplate, true},
	{"%", regexp.MustCompile(`%!\w?\([^()\n]{0,60}\)|%\(\w+\)s|%[A-Z_]{3,30}%`), ofTemplate, true},
	{"<", regexp.MustCompile(`(?i)</?\s*(?:prospect[-_]data|think|thinking|reasoning|scratchpad|answer|reply|response|tool|tool_call|tool_calls|function\w*|invoke|s|bos|eos|start_of_turn|end_of_turn|assistant|user|system)\b[^<>]{0,60}>|<<\s*/?\s*sys\s*>>`), ofModel, false},
	{"<|｜", regexp.MustCompile(`<\s*[|｜][^<>\n]{0,60}[|｜]?\s*>`), ofModel, false},
	{"<", regexp.MustCompile(`</?[A-Za-z][\w-]*(?:\s[^<>]{0,100})?/?>`), "a tag or a placeholder", true},
	{"[", regexp.MustCompile(`(?i)\[(?:media|image|cut|call|attachment|sticker|voice)(?::[^\]\n]{0,80})?\]|\[(?:\d+ )?earlier messages? left out\]`), ofNotes, false},
	{"[", regexp.MustCompile(`(?i)\[/?(?:inst|tool_calls|tool_call|system|assistant|user)\]`), ofModel, false},
	{"[", regexp.MustCompile(`\[object [A-Z]\w*\]`), ofTemplate, true},
	{`{["`, regexp.MustCompile(`[{,]\s*["'][\w -]{1,40}["']\s*:[^\n]{0,40}`), ofData, true},
	{":=", regexp.MustCompile(`(?i)["']?\bconfidence["']?\s*[:=]\s*(?:[01][.,]\d|\d{1,3} ?%)|["']?\baction["']?\s*[:=]\s*["']?(?:reply|handoff|skip)\b`), ofData, false},
	{"( =_", regexp.MustCompile(`\b[A-Za-z]\w*(?:\.\w+)*\(\w+\s*=[^()\n]{0,200}\)|\b[A-Za-z]+(?:_\w+)+\([^()\n]{0,200}\)`), "a call of a tool, not a message", true},
	{"【", regexp.MustCompile(`【[^【】\n]{1,20}】\s*(?:様|さま|さん|님)`), ofTemplate, true}, // else a heading
	{"_", regexp.MustCompile(`_{3,}`), ofTemplate, true},
	{"〇○◯", regexp.MustCompile(`[〇○◯]{2,}`), ofTemplate, true},
	{"=", regexp.MustCompile(`(?i)\bto=functions\.\w+|\b(?:tool_calls?|function_call|tool_use)\s*=`), ofData, false},
	{"`", regexp.MustCompile("```\\w*"), "a code fence, which X shows as it is", false},
	{"&", regexp.MustCompile(`&(?:amp|lt|gt|quot|nbsp|apos|#\d{1,6}|#x[0-9a-fA-F]{1,6});`), "HTML, which X shows as it is", true},
	{`\`, regexp.MustCompile(`(\\n)(?:[^a-z]|$)|\\u[0-9a-fA-F]{4}|\\"`), "an escape that nothing turned back", true},
	{"【", regexp.MustCompile(`【[^】\n]{0,20}(?:†|\d:\d)[^】\n]{0,40}】`), "the mark of a source", false},
	{"Ãâ", regexp.MustCompile(`Ã[\x{80}-\x{BF}]|â€.?`), "broken characters", false},
}

// brackets may hold a placeholder: "[Name]", not "[link in bio]".
var brackets = regexp.MustCompile(`\[[^\[\]\n]{1,50}\]|［[^［］\n]{1,50}］`)

// Roles that stand before a text, and a colon between. The first are so on every
// line, the others are headings where a text begins.
var (
	roles    = setOf(`assistant prospect`)
	headings = setOf(`ai bot user human system us reply response answer draft message antwort entwurf nachricht réponse respuesta resposta risposta antwoord odpowiedź`)
)

// Words that a placeholder is made of: those that ask to be replaced, and what
// they stand for.
var (
	replaceMe = setOf(`insert add enter your ihr ihre dein deine euer votre ton votre tu su seu sua tuo vostro uw jouw twoje einfügen einsetzen`)
	standsFor = setOf("producto", //nolint:misspell // Spanish
		`name names first last full firstname lastname username user customer client prospect person recipient company firm business
		date day time month year link url website site page order number tracking price amount total cost currency product item email mail e
		phone address city country discount code xx xxx xxxx tbd todo placeholder here the of our their s
		vorname nachname kunde kundin firma datum uhrzeit bestellnummer preis betrag produkt adresse hier
		nom prénom entreprise lien prix montant produit adresse numéro de commande nombre apellido empresa enlace precio importe fecha
		nome cognome azienda prezzo prodotto data preço produto empresa naam bedrijf prijs datum imię nazwisko cena
		kunden kundennummer rechnung rechnungsnummer unternehmen client cliente clienta comprador pedido pedidos teléfono telefone
		correo dirección ciudad cidade endereço valor utilisateur usuario usuário prospecto número telefono indirizzo ordine klant klantnaam klient klienta
		имя имени клиент клиента дата товар товара заказ заказа номер сумма ссылка isim adınız müşteri adı tarih ürün
		お名前 名前 お客様名 お客様のお名前 氏名 商品名 注文番号 会社名 店名 日付 金額 姓名 客户姓名 客户名称 客戶姓名 公司名称 产品名称 订单号 日期 이름 고객명 고객님 성함 상품명 주문번호
		اسم الاسم العميل الزبون المنتج رقم الطلب التاريخ المبلغ السعر الرابط الشركة`)
)

// wordsOfModels is what models say about themselves when they were not meant to,
// and how they hand over a draft.
var wordsOfModels = compile(nil, `
	as|being an|a ai|large|artificial language|intelligence|model
	as|being a|an language|ai|llm model
	as an ai i
	as an ai assistant|chatbot i can|cannot|don|do t|not
	i m|am just|only|merely a|an ai|language|large language|model|ai
	i m|am just|only a|an language|ai model
	i m|am sorry but i can|cannot|can|am t|not|unable help|assist|fulfill|comply|provide with|this|that|to
	i m|am sorry but i can t assist|help|comply|fulfill
	i m|am sorry but i cannot assist|help|comply|fulfill
	i can t assist with|that
	i cannot assist with
	i can|am t|not|unable fulfill|comply that|this|with
	i cannot fulfill|comply
	i m|am unable to assist|fulfill|comply|browse
	my training data
	my|last knowledge cutoff|update
	my last knowledge|training update|cutoff|data
	i don t|not have personal opinions|feelings|experiences|preferences
	i don t|not have real time access|data|information
	als ki|ai sprachmodell|modell|kann|habe
	als großes|reines|ein sprachmodell
	als sprachmodell
	als künstliche intelligenz
	ich bin nur|lediglich ein sprachmodell
	en tant que modèle de langage
	en tant qu ia|intelligence
	como modelo|ia|inteligencia de|artificial|linguagem lenguaje|linguagem|no|nao|yo|eu
	como modelo de lenguaje|linguagem|idioma
	como un|uma|um modelo|ia|inteligencia de|artificial lenguaje|linguagem|eu|yo|no|não
	in quanto modello|ia|intelligenza linguistico|artificiale|di|non
	come modello|ia|intelligenza linguistico|artificiale|di
	come un modello linguistico|di
	als taalmodel|ai
	als een ai|taalmodel|kunstmatige
	jako model|sztuczna jezykowy|inteligencja
	here s|is a|the|your|my draft|possible|suggested|potential|sample|revised|polite reply|response|answer|message
	here s|is a|the|your|my reply|response
	hier ist ein|eine mögliche|möglicher|antwortentwurf|antwortvorschlag|antwort
	voici une|la|ma réponse
	aquí tienes|está una|la respuesta
	lorem ipsum
`)

// deliberating is how models think aloud, at the beginning of a sentence: "The
// user asks ...", not "If the customer asks ...".
var deliberating = compile(nil, `
	the|this user|prospect|customer|client|person is|s just|now|also asking|inquiring|requesting|wondering
	the|this user|prospect|customer|client|person is|s asking|inquiring|requesting|wondering
	the|this user|prospect|customer|client|person has asked
	the|this user|prospect asks|asked about|if|whether|how|what|when|where|why
	the|this user|prospect|customer|client wants to know
	ok|okay|so|alright|hmm|well the|so user|prospect|customer|the asks|asked|is|wants|user|prospect
	the facts|context|transcript say|says|state|states|mention|mentions|don|do|does|doesn|provided|above|below
	according to the facts|context|transcript
	based on the facts|context|transcript
	i should|must|need|ll|will to|now|only|therefore|just reply|respond|answer|hand in|with|to|that|by|this|off|it
	i should|must reply|respond|answer in|with|to|that|by|this
	let me think|reason|analyze|analyse about|through|step|this|the
	der|die nutzer|user|kunde|kundin|interessent|prospect fragt nach|ob|wie|was|wann|wo
	der|die nutzer|user|kunde|kundin|interessent|prospect möchte|will wissen
	laut|gemäß den|der fakten|kontext
	l utilisateur|client|prospect demande|veut|souhaite|pose
	le client|prospect demande|souhaite si|savoir|quel|quelle|comment|quand|combien
	d|selon après|les les|faits faits|fournis
	el|la usuario|usuaria|prospecto pregunta|quiere|pide|está
	el|la cliente|clienta pregunta|está por|si|cómo|cuánto|qué|cuándo|preguntando
	o|a usuário|usuária pergunta|quer|perguntou|pede|está
	o|a cliente pergunta|está se|sobre|como|quanto|por|perguntando
	l utente chiede|vuole|sta
	il cliente chiede|sta se|come|quanto|chiedendo|informazioni
	de gebruiker|klant vraagt of|naar|hoe|wat|wanneer
	użytkownik|klient pyta o|czy|jak|ile
	المستخدم|العميل يسال|يسالني|يستفسر
	пользователь|клиент спрашивает|интересуется
`)

// thinkingCJK is how models think aloud in scripts that put no spaces between words.
var thinkingCJK = []string{"ユーザーは", "ユーザーが", "ユーザーの質問", "言語モデル", "AIモデルとして", "用户问", "用户想", "用户在问", "用户询问", "语言模型", "作为一个AI", "作为AI", "사용자가", "사용자는", "언어 모델"}

// noValue is what programs print where a value is missing.
var noValue = setOf(`undefined nan`)

// noName is what they print where a name is missing; people use the words too.
var noName = setOf(`undefined null nan none nil unknown`)

var greetings = setOf(`hi hello hey dear hallo hola bonjour salut ciao oi olá cześć witaj lieber liebe herr frau beste hoi buongiorno
	thanks thank sorry danke gracias merci obrigado grazie bedankt`)

// notMessages are texts that were meant as a decision.
var notMessages = setOf(`skip handoff reply null undefined n/a no_reply noreply escalate [skip] [handoff] "" ...`)

func leftovers(d *draft) []Finding {
	if notMessages[strings.ToLower(strings.TrimSpace(d.Text))] {
		return []Finding{{Span: d.Text, Detail: "a decision, not a message"}}
	}
	var found []Finding
	for _, r := range residues {
		found = append(found, d.residue(r)...)
	}
	found = append(found, d.roles()...)
	found = append(found, d.placeholders()...)
	for _, marker := range thinkingCJK {
		if strings.Contains(d.Text, marker) {
			found = append(found, Finding{Span: marker, Detail: "what models say, not what this team says"})
		}
	}
	for _, h := range deliberating.find(d.words) {
		if h.from == 0 || d.words[h.from-1].sentence != d.words[h.from].sentence {
			found = append(found, Finding{Span: h.span(d.Text, d.words), Detail: "what models think, not what this team says"})
		}
	}
	for _, h := range wordsOfModels.find(d.words) {
		found = append(found, Finding{Span: h.span(d.Text, d.words), Detail: "what models say, not what this team says"})
	}
	found = append(found, d.missingValues()...)
	found = append(found, d.scrambled()...)
	return append(found, d.unprintable()...)
}

func (d *draft) residue(r residue) []Finding {
	for one := range strings.FieldsSeq(r.any) {
		if !strings.ContainsAny(d.Text, one) {
			return nil
		}
	}
	var found []Finding
	for _, at := range r.re.FindAllStringSubmatchIndex(d.Text, maxFindings) {
		start, end := at[0], at[1]
		if len(at) > 2 && at[2] >= 0 {
			start, end = at[2], at[3]
		}
		span := d.Text[start:end]
		if r.quoted && d.quotes(span) {
			continue
		}
		found = append(found, Finding{Span: shorten(strings.TrimSpace(span)), Detail: r.detail})
	}
	return found
}

// quotes reports whether the facts or the prospect write the same, character by
// character.
func (d *draft) quotes(span string) bool {
	for _, texts := range [][]string{d.Facts, d.Inbound} {
		for _, t := range texts {
			if strings.Contains(t, span) {
				return true
			}
		}
	}
	return false
}

func (d *draft) roles() []Finding {
	var found []Finding
	first := true
	for line := range strings.Lines(d.Text) {
		role, _, colon := strings.Cut(line, ":")
		name := fold(strings.Trim(role, " \t*_#"))
		if colon && (roles[name] || first && headings[name]) {
			found = append(found, Finding{Span: shorten(role + ":"), Detail: "a role or a heading before the text"})
		}
		first = first && strings.TrimSpace(line) == ""
	}
	return found
}

func (d *draft) placeholders() []Finding {
	var found []Finding
	for _, span := range brackets.FindAllString(d.Text, -1) {
		words := wordsOf(span)
		named, all := false, true
		for _, w := range words {
			named = named || standsFor[w.low] || replaceMe[w.low]
			all = all && (standsFor[w.low] || replaceMe[w.low] || frequent[w.low] != 0)
		}
		if named && all || len(words) > 0 && replaceMe[words[0].low] {
			found = append(found, Finding{Span: span, Detail: ofTemplate})
		}
	}
	return found
}

// missingValues finds "Hi undefined".
func (d *draft) missingValues() []Finding {
	var found []Finding
	for i, w := range d.words {
		span := d.Text[w.start:w.end]
		greeted := i > 0 && noName[w.low] && greetings[d.words[i-1].low] && d.words[i-1].sentence == w.sentence
		alone := noValue[w.low] && (span == "undefined" || span == "NaN") && !d.quotes(span)
		if greeted || alone {
			found = append(found, Finding{Span: span, Detail: "a value that was missing"})
		}
	}
	return found
}

// unprintable finds characters that no message needs. Joiners and direction marks
// are not among them: emoji, Persian or Arabic do.
func (d *draft) unprintable() []Finding {
	var found []Finding
	for i := 0; i < len(d.Text) && len(found) < maxFindings; {
		r, n := utf8.DecodeRuneInString(d.Text[i:])
		detail := ""
		switch {
		case r == utf8.RuneError:
			detail = "broken characters"
		case unicode.Is(unicode.Co, r):
			detail = ofModel
		case r == '\u202d' || r == '\u202e':
			detail = "a character that reverses what is read"
		case unicode.Is(unicode.Cc, r) && r != '\n' && r != '\t' && r != '\r':
			detail = "a control character"
		case invisible(r) && betweenASCII(d.Text, i, i+n):
			detail = "an invisible character within a word"
		}
		if detail != "" {
			found = append(found, Finding{Span: d.Text[i : i+n], Detail: detail})
		}
		i += n
	}
	return found
}

func invisible(r rune) bool {
	return r == '\u200b' || r == '\u2060' || r == '\ufeff' || r == '\u00ad'
}

func betweenASCII(s string, start, end int) bool {
	return start > 0 && end < len(s) && isASCIIWord(s[start-1]) && isASCIIWord(s[end])
}

func isASCIIWord(c byte) bool { return c < utf8.RuneSelf && (inWord(rune(c)) || c == '.' || c == '@') }
