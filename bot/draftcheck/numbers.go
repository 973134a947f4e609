package draftcheck

import (
	"slices"
	"strings"
)

// number is an amount as text, such as "1290" or "8.9", so that nothing is
// rounded. One that can be read in two ways ("1.290") has both readings.
type number struct {
	place
	values []string
}

func (n number) same(o number) bool {
	return slices.ContainsFunc(n.values, func(v string) bool { return slices.Contains(o.values, v) })
}

// price is an amount of money.
type price struct {
	number
	currencies currencies
}

// currencies are those that a sign can stand for: "$" is more than one.
type currencies uint32

// moneys are the currencies and how they are written. Codes alone count only in
// capitals, they may be words otherwise.
var moneys = []struct{ words, codes string }{
	{"€ euro euros يورو ユーロ 欧元 유로 евро", "EUR"},
	{"us$ $ dollar dollars dolar dolares dolarów bucks دولار دولارا دولارات ドル 美元 달러", "USD"},
	{"$ ca$ a$ nz$ hk$ s$ dollar dollars", "CAD AUD NZD HKD SGD TWD"},
	{"$ mx$ peso pesos", "MXN ARS COP CLP PHP UYU"},
	{"£ pound pounds quid sterling ポンド", "GBP"},
	{"franken francs sfr", "CHF"},
	{"r$ reais", "BRL"},
	{"zł zloty złoty złote złotych", "PLN"},
	{"kr kronor kroner kč korun", "SEK NOK DKK ISK CZK"},
	{"¥ 円 圓 yen 元 块 塊 yuan rmb ￥", "JPY CNY"},
	{"₩ ￦ 원", "KRW"},
	{"₹ rupees rupee rs", "INR PKR LKR"},
	{"₽ руб рублей рубля рубль", "RUB"},
	{"₴ грн гривень", "UAH"},
	{"₺ tl", "TRY"},
	{"₪ shekel shekels", "ILS"},
	{"forint", "HUF"},
	{"lei lej", "RON MDL"},
	{"dirham dirhams درهم درهما دراهم", "AED MAD"},
	{"riyal riyals ريال ريالا ريالات", "SAR QAR OMR"},
	{"dinar dinars دينار دينارا دنانير", "KWD BHD JOD IQD TND DZD"},
	{"جنيه جنيها جنيهات", "EGP SDG"},
	{"₫ ฿ baht rupiah rand", "VND THB IDR ZAR"},
	{"₿ bitcoin sats", "BTC"},
	{"ether", "ETH"},
	{"usdc usdt", "USDC USDT DAI"},
	{"", "XRP BNB DOGE SOL TON"},
}

var moneyWords, moneyCodes = func() (words, codes map[string]currencies) {
	words, codes = map[string]currencies{}, map[string]currencies{}
	for i, m := range moneys {
		for w := range strings.FieldsSeq(m.words) {
			words[fold(w)] |= 1 << i
		}
		for c := range strings.FieldsSeq(m.codes) {
			codes[c] |= 1 << i
		}
	}
	for _, c := range []string{"EUR", "USD", "GBP", "CHF", "MXN", "BRL", "PLN"} {
		words[fold(c)] |= codes[c]
	}
	return words, codes
}()

// maxCurrency is the longest word for a currency, in bytes.
const maxCurrency = 16

// currency reads the piece at i as a currency.
func (s *scan) currency(i int) currencies {
	t := s.at(i)
	if t.kind != letters && t.kind != symbol || len(t.text) > maxCurrency {
		return 0
	}
	if c, ok := moneyCodes[t.text]; ok {
		return c
	}
	return moneyWords[fold(t.text)]
}

// numeral reads a number at i with its separators and returns the piece after it.
// It returns 0 when it is none: a version, a part of a word.
func (s *scan) numeral(i int) (number, int) {
	groups, seps := []string{s.at(i).text}, ""
	if s.inWord(i) && s.currency(i-1) == 0 {
		return number{}, 0
	}
	to := i + 1
	for {
		sep, next := s.at(to), s.at(to+1)
		if next.kind != digits || !separates(sep, next, groups, seps) {
			break
		}
		groups, seps = append(groups, next.text), seps+sepOf(sep)
		to += 2
	}
	values := valuesOf(groups, seps)
	if values == nil {
		return number{}, 0
	}
	if s.is(to, ",.") && s.is(to+1, "-–—") && s.at(to+2).kind != digits { // 8,-
		to += 2
	}
	if zeros := thousands[s.word(to)]; zeros > 0 && (len(s.at(to).text) > 1 || s.at(to).start() == s.at(to-1).end()) {
		for k := range values {
			values[k] = shift(values[k], zeros)
		}
		to++
		if rest := s.at(to); rest.kind == digits && len(rest.text) == zeros && len(values) == 1 && strings.HasSuffix(values[0], strings.Repeat("0", zeros)) { // 1万2000
			values[0], to = canonical(strings.TrimSuffix(values[0], strings.Repeat("0", zeros))+rest.text, ""), to+1
		}
	}
	return number{s.place(i, to), values}, to
}

// thousands are what follows a number in place of zeros.
var thousands = map[string]int{
	"k": 3, "tsd": 3, "m": 6, "mio": 6, "mln": 6, "million": 6, "millionen": 6,
	"千": 3, "천": 3, "万": 4, "萬": 4, "만": 4, "ألف": 3, "الف": 3,
}

func sepOf(t tok) string {
	if t.kind == space {
		return " "
	}
	if t.text == "’" {
		return "'"
	}
	return t.text
}

// separates reports whether a piece between digits can belong to one number.
func separates(sep, next tok, groups []string, seps string) bool {
	switch sepOf(sep) {
	case ".", ",":
		return true
	case "'", " ":
		return len(next.text) == 3 && len(groups[0]) <= 3 && sep.end()-sep.start() <= 3 && strings.Trim(seps, sepOf(sep)) == "" && threes(groups[1:])
	}
	return false
}

func threes(groups []string) bool {
	return !slices.ContainsFunc(groups, func(g string) bool { return len(g) != 3 })
}

// valuesOf are the amounts that digits with separators can mean.
func valuesOf(groups []string, seps string) []string {
	if seps == "" {
		return []string{canonical(groups[0], "")}
	}
	n := len(groups) - 1
	last := seps[len(seps)-1]
	whole, rest := strings.Join(groups[:n], ""), groups[n]
	uniform := strings.Count(seps, string(last)) == len(seps)
	grouped := len(groups[0]) <= 3 && threes(groups[1:n])
	var values []string
	if uniform && grouped && len(rest) == 3 && groups[0] != "0" {
		values = append(values, canonical(whole+rest, ""))
	}
	if (last == '.' || last == ',') && (n == 1 || grouped && strings.Count(seps, string(last)) == 1) {
		values = append(values, canonical(whole, rest))
	}
	return values
}

// canonical writes a number without needless zeros.
func canonical(whole, fraction string) string {
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// shift multiplies by a power of ten.
func shift(value string, zeros int) string {
	whole, fraction, _ := strings.Cut(value, ".")
	fraction += strings.Repeat("0", zeros)
	return canonical(whole+fraction[:zeros], fraction[zeros:])
}

// price reads an amount of money around the number at i.
func (s *scan) price(i int) (from, to int) {
	n, to := s.numeral(i)
	if to == 0 {
		return 0, 0
	}
	from = i
	after := s.skip(to)
	if s.is(to, "-") && s.at(to+1).kind == letters { // a 12-euro mug
		after = to + 1
	}
	c := s.currency(after)
	if c != 0 {
		to = after + 1
		if cents := s.at(to); s.is(after, "€£") && cents.kind == digits && len(cents.text) == 2 { // 8€90
			n.values, to = []string{canonical(n.values[0], cents.text)}, to+1
		}
	} else if from, c = s.currencyBefore(i); c == 0 {
		return s.rangeOfPrices(i, n, to)
	}
	n.place = s.place(from, to)
	s.claims.prices = append(s.claims.prices, price{n, c})
	return from, to
}

func (s *scan) currencyBefore(i int) (from int, c currencies) {
	before := s.back(i - 1)
	if before == i-2 && s.at(before).kind == letters && moneyCodes[s.at(before).text] == 0 && s.as == strict {
		if w := s.word(before); w != "rs" { // "pay in euros 5 days later"
			return i, 0
		}
	}
	c = s.currency(before)
	if c == 0 {
		return i, 0
	}
	if joined := s.at(before - 1); s.is(before, "$") && joined.kind == letters && joined.end() == s.at(before).start() {
		if sign := moneyWords[fold(joined.text)+"$"]; sign != 0 {
			return before - 1, sign
		}
	}
	return before, c
}

// rangeOfPrices reads the first number of "10-20 EUR" as a price.
func (s *scan) rangeOfPrices(i int, n number, to int) (int, int) {
	next := s.between(to)
	if next == 0 || s.at(next).kind != digits || s.word(s.skip(to)) == "and" {
		return 0, 0
	}
	_, end := s.numeral(next)
	if end == 0 {
		return 0, 0
	}
	c := s.currency(s.skip(end))
	if c == 0 {
		return 0, 0
	}
	n.place = s.place(i, to)
	s.claims.prices = append(s.claims.prices, price{n, c})
	return i, to
}

// percent reads a share around the number at i.
func (s *scan) percent(i int) (from, to int) {
	n, to := s.numeral(i)
	if to == 0 {
		return 0, 0
	}
	end := s.percentSign(s.skip(to))
	if end == 0 && s.between(to) > 0 { // 10-20 %
		if next, after := s.between(to), 0; s.at(next).kind == digits {
			if _, after = s.numeral(next); after > 0 && s.percentSign(s.skip(after)) > 0 {
				end = to
			}
		}
	}
	if end == 0 {
		return 0, 0
	}
	if s.word(end-1) == "割" { // tenths
		for k := range n.values {
			n.values[k] = shift(n.values[k], 1)
		}
	}
	n.place = s.place(i, end)
	if s.as == loose || !slices.Equal(n.values, []string{"100"}) || s.aboutMoney(end) {
		s.claims.percents = append(s.claims.percents, n)
	}
	return i, end
}

func (s *scan) percentSign(i int) int {
	switch w := s.word(i); w {
	case "割":
		return i + 1
	case "percent", "prozent", "procent", "procento", "pct", "процентов", "процента", "процент", "パーセント", "퍼센트", "بالمئة", "بالمائة":
		return i + 1
	case "per", "pour", "por":
		if next := s.skip(i + 1); slices.Contains([]string{"cent", "ciento", "cento"}, s.word(next)) {
			return next + 1
		}
	}
	if s.is(i, "%％٪") {
		return i + 1
	}
	return 0
}

// ofMoney are words that make a hundred percent more than a manner of speaking.
var ofMoney = setOf(`refund refunds refunded money off back discount guarantee guaranteed cashback rabatt erstattung geld garantie zurück
	remboursé remboursement remise reembolso descuento garantía garantia rimborso sconto garanzia korting geld terugbetaling zwrot zwrotu rabat gwarancji desconto`)

func (s *scan) aboutMoney(i int) bool {
	for range 3 {
		i = s.skip(i)
		if ofMoney[s.word(i)] {
			return true
		}
		i++
	}
	return false
}

// bare are the numbers of a text that nothing else was made of, unless they count
// the word that follows, and the currencies that stand without a number.
type bare struct {
	numbers    []number
	currencies currencies
}

func (s *scan) readBare() (b bare) {
	for i := 0; i < len(s.toks); i++ {
		switch s.toks[i].kind {
		case letters, symbol:
			b.currencies |= s.currency(i)
		case digits:
			if n, to := s.numeral(i); to > 0 {
				if decimals(n) || s.at(s.skip(to)).kind != letters {
					b.numbers = append(b.numbers, n)
				}
				i = to - 1
			}
		case space, taken:
		}
	}
	return b
}

// decimals: an amount such as 8.90 is one of money, whatever follows.
func decimals(n number) bool {
	return slices.ContainsFunc(n.values, func(v string) bool { return strings.Contains(v, ".") })
}

func unknownPrices(d *draft) []Finding {
	var found []Finding
	for _, p := range d.claims.prices {
		if g := d.given(); !g.told.hasPrice(p, false) && !g.said.hasPrice(p, true) {
			found = append(found, Finding{Span: shorten(d.Text[p.start:p.end]), Detail: "a price that stands nowhere in what the model was given"})
		}
	}
	return found
}

// hasPrice reports whether a price is claimed. A number without a currency counts
// in a conversation, and where a currency stands by itself ("all prices in EUR").
func (c *claims) hasPrice(p price, spoken bool) bool {
	if slices.ContainsFunc(c.prices, func(g price) bool { return g.currencies&p.currencies != 0 && g.same(p.number) }) {
		return true
	}
	bare := c.bare()
	return slices.ContainsFunc(bare.numbers, func(g number) bool {
		return (spoken || decimals(g) || bare.currencies&p.currencies != 0) && g.same(p.number)
	})
}

func unknownPercentages(d *draft) []Finding {
	return unknown(d, "a percentage that stands nowhere in what the model was given",
		func(c *claims) []number { return c.percents },
		func(n number) place { return n.place },
		number.same)
}

// phone is a phone number, or another that is as long.
type phone struct {
	place
	digits string // without signs, leading zeros and the 0 of +49 (0)30
}

const (
	minPhone  = 7  // digits; with a word such as "call" before, minSpoken
	minSpoken = 5  //
	maxPhone  = 24 // digits, which is more than any number has
)

// spoken are words after which any number is a phone's.
var spoken = setOf(`call phone tel telephone telefon telefono téléphone teléfono telefone mobile mobil cell handy whatsapp sms fax ring dial hotline
	anrufen appelez llame llama ligue chiama chiamaci bel zadzwoń`)

// phone reads a phone number that begins at i.
func (s *scan) phone(i int) (from, to int) {
	from = i
	for s.is(from-1, "+(") {
		from--
	}
	if s.inWord(from) {
		return 0, 0
	}
	groups, seps, to := s.groups(i)
	plus := s.at(from).text == "+" || strings.HasPrefix(groups[0], "00")
	if plus {
		groups = slices.DeleteFunc(groups, func(g string) bool { return g == "0" })
	}
	all := strings.Join(groups, "")
	if len(all) < minSpoken || len(all) > maxPhone {
		return 0, 0
	}
	if s.as == strict && !plus && !s.dialled(from, groups, seps, len(all)) {
		return 0, 0
	}
	p := phone{s.place(from, to), strings.TrimLeft(all, "0")}
	s.claims.phones = append(s.claims.phones, p)
	return from, to
}

// groups are the digits from i on with what separates them, as long as it can be
// one phone number.
func (s *scan) groups(i int) (groups []string, seps string, to int) {
	groups, to = []string{s.at(i).text}, i+1
	for {
		k := to
		for k < to+3 && (s.at(k).kind == space || s.is(k, "-–./()")) {
			k++
		}
		if s.at(k).kind != digits || s.is(to, ".") && k > to+1 || k > to && s.is(k-1, ".") && k > to+1 {
			return groups, seps, to
		}
		seps += s.at(to).text
		groups, to = append(groups, s.at(k).text), k+1
	}
}

// dialled reports whether digits are a phone number or one as long, not an amount,
// years or sizes.
func (s *scan) dialled(from int, groups []string, seps string, n int) bool {
	before := s.back(from - 1)
	for s.is(before, ":.") {
		before = s.back(before - 1)
	}
	if spoken[s.word(before)] {
		return true
	}
	short := !slices.ContainsFunc(groups, func(g string) bool { return len(g) > 2 })
	switch {
	case n < minPhone:
		return false
	case groups[0][0] == '0':
		return true
	case short: // 34 36 38 40
		return false
	case len(groups) == 2 && seps != "" && strings.Trim(seps, "-–") == "" && len(groups[0]) >= 4 && len(groups[0]) == len(groups[1]): // 2024-2025
		return false
	case len(groups) > 1 && len(groups[0]) < 3 && threes(groups[1:]): // 1 200 000
		return false
	}
	return true
}

func unknownPhones(d *draft) []Finding {
	return unknown(d, "a phone number, or another long one, that stands nowhere in what the model was given",
		func(c *claims) []phone { return c.phones },
		func(p phone) place { return p.place },
		samePhone)
}

// samePhone compares with and without a country code.
func samePhone(mine, given phone) bool {
	short, long := mine.digits, given.digits
	if len(short) > len(long) {
		short, long = long, short
	}
	return short == long || len(short) >= minPhone-1 && len(long)-len(short) <= 4 && strings.HasSuffix(long, short)
}
