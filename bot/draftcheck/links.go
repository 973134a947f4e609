package draftcheck

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// link is an address in the web.
type link struct {
	place
	host string // in lower case, without www.
	path string // in lower case, without slashes around it, with the query
}

// email is a mail address in lower case.
type email struct {
	place
	address string
}

// shared are hosts where the path says whose page it is, so it counts too.
var shared = setOf(`x.com twitter.com instagram.com facebook.com fb.com fb.me m.me tiktok.com youtube.com youtu.be linkedin.com lnkd.in threads.net bsky.app
	pinterest.com pin.it reddit.com twitch.tv vimeo.com medium.com patreon.com ko-fi.com buymeacoffee.com gumroad.com onlyfans.com snapchat.com
	t.me telegram.me wa.me whatsapp.com discord.gg discord.com signal.me line.me
	linktr.ee beacons.ai bio.link lnk.bio bit.ly tinyurl.com t.co goo.gl ow.ly is.gd cutt.ly rebrand.ly shorturl.at
	calendly.com cal.com doodle.com zoom.us teams.microsoft.com meet.google.com
	google.com docs.google.com drive.google.com forms.gle g.page maps.app.goo.gl notion.so notion.site airtable.com typeform.com dropbox.com wetransfer.com
	paypal.com paypal.me stripe.com buy.stripe.com revolut.me venmo.com cash.app wise.com klarna.com
	github.com gitlab.com bitbucket.org npmjs.com etsy.com ebay.com ebay.de amzn.to apps.apple.com play.google.com open.spotify.com soundcloud.com
	eventbrite.com meetup.com trustpilot.com tripadvisor.com airbnb.com booking.com substack.com`)

// tlds end a host that stands without scheme and www. Endings of usual files
// ("sh", "md", "py") are left out. The last ones are kept for examples.
var tlds = setOf(`com net org edu gov info biz name pro io ai app dev co me tv cc xyz shop store online site website page link click live life world today
	tech cloud digital agency studio design media news blog art music photo video games game club team group company solutions services support help
	academy school courses coach consulting health care fit yoga beauty fashion style jewelry gifts deals sale discount market marketing
	cafe restaurant pizza bar wine beer kitchen recipes travel tours hotel house homes rent cars bike garden pet dog cat
	finance money bank capital fund exchange crypto nft eth dao token wallet ventures gg gl ly fm so to is
	us uk ca au nz ie de at ch li fr be lu nl es pt it gr pl cz sk hu ro bg hr si rs ba dk se no fi ee lv lt ua ru by tr il ae sa eg ma za ng ke
	in pk bd lk jp kr cn tw hk sg my th vn id ph mx br ar cl pe uy ec eu asia lat berlin hamburg paris london amsterdam wien koeln nyc
	email chat social bio zone top vip win bid loan icu work works space fun ink one plus run rocks ninja guru wtf lol
	example test invalid`)

// readLinks finds links and mail addresses, those too that are written so that
// programs overlook them.
func (s *scan) readLinks() {
	if mayHideDots(s.text) {
		s.readHidden()
	}
	for start, field := range fields(s.text) {
		if strings.ContainsAny(field, ".@") || strings.Contains(field, "://") {
			s.readField(start, field)
		}
	}
}

func (s *scan) readField(start int, field string) {
	trimmed := strings.TrimLeft(field, ".:…*_~'’`-&")
	start += len(field) - len(trimmed)
	trimmed = strings.TrimRight(trimmed, ".:!?…*_~'’`-&/=#")
	at := place{start, start + len(trimmed)}
	low := strings.ToLower(trimmed)
	switch {
	case low == "" || low[0] == '@':
		return
	case strings.Contains(low, "://"):
		_, rest, _ := strings.Cut(low, "://")
		s.addLink(at, rest)
	case strings.Contains(low, "@") && !strings.Contains(low, "/"):
		s.addEmail(at, strings.TrimPrefix(low, "mailto:"))
	case isHost(authority(low)) && !oddCase(trimmed) && !abbreviates(low):
		s.addLink(at, low)
	}
}

func (s *scan) addLink(at place, address string) {
	host := authority(address)
	path := strings.Trim(address[len(host):], "/?#")
	if i := strings.LastIndexByte(host, '@'); i >= 0 { // what precedes it only looks like a host
		host = host[i+1:]
	}
	host, _, _ = strings.Cut(host, ":")
	host = strings.TrimSuffix(strings.TrimPrefix(host, "www."), ".")
	s.claims.links = append(s.claims.links, link{s.moved.back(at), host, path})
	s.takeBytes(at)
}

func (s *scan) addEmail(at place, address string) {
	local, host, _ := strings.Cut(address, "@")
	labels := strings.Split(host, ".")
	if local == "" || len(labels) < 2 || slices.ContainsFunc(labels, notLabel) {
		return
	}
	s.claims.emails = append(s.claims.emails, email{s.moved.back(at), local + "@" + host})
	s.takeBytes(at)
}

func (s *scan) takeBytes(at place) {
	i, _ := slices.BinarySearchFunc(s.toks, at.start, func(t tok, start int) int { return t.end() - 1 - start })
	for ; i < len(s.toks) && s.toks[i].start() < at.end; i++ {
		s.toks[i].kind = taken
	}
}

// authority is what stands before the path.
func authority(address string) string {
	if i := strings.IndexAny(address, "/?#"); i >= 0 {
		return address[:i]
	}
	return address
}

// isHost reports whether a text in lower case is a host that people write without
// scheme.
func isHost(s string) bool {
	s, port, _ := strings.Cut(s, ":")
	if strings.ContainsFunc(port, func(r rune) bool { return r < '0' || r > '9' }) {
		return false
	}
	labels := strings.Split(s, ".")
	last := labels[len(labels)-1]
	if len(labels) < 2 || slices.ContainsFunc(labels, notLabel) {
		return false
	}
	return labels[0] == "www" && len(labels) > 2 || tlds[last]
}

func notLabel(label string) bool {
	return label == "" || strings.ContainsFunc(label, func(r rune) bool { return r != '-' && r != '_' && !inWord(r) })
}

// abbreviates: "p.es" and "m.in" are no hosts.
func abbreviates(address string) bool {
	return len(address) == len("p.es") && address[1] == '.'
}

// oddCase: "done.It" is a missing space, no host.
func oddCase(host string) bool {
	host = authority(host)
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != strings.ToLower(last) && host != strings.ToUpper(host)
}

// fields yields the pieces of a text that can hold an address, with where they
// begin. Scripts that are written without spaces end one too.
func fields(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		start := -1
		for i := 0; i < len(text); {
			r, n := utf8.DecodeRuneInString(text[i:])
			if ends := endsAddress(r); ends && start >= 0 {
				if !yield(start, text[start:i]) {
					return
				}
				start = -1
			} else if !ends && start < 0 {
				start = i
			}
			i += n
		}
		if start >= 0 {
			yield(start, text[start:])
		}
	}
}

func endsAddress(r rune) bool {
	if r < utf8.RuneSelf {
		return r <= ' ' || addressEnds[r]
	}
	return !unicode.Is(unicode.Latin, r) && !unicode.Is(unicode.M, r) && r != '…' && r != '’' && r != '–'
}

var addressEnds = func() (ends [utf8.RuneSelf]bool) {
	for _, r := range `"<>()[]{}|,;\^` {
		ends[r] = true
	}
	return ends
}()

// Addresses written for people alone: "example dot com", "user (at) host.com".
var (
	hiddenDot = regexp.MustCompile(`(?i)\b([a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*)(?:\s*[\[({]\s*(?:dot|\.|punkt|punto|ponto|point)\s*[\])}]\s*|\s+(?:dot|punkt|punto|ponto)\s+)(com|net|org|io|co|dev|app|ai|info|biz|shop|xyz|eu|uk|de|fr|es|pt|it|nl|pl|ch|be|us|gg|example)\b(/\S*)?`)
	hiddenAt  = regexp.MustCompile(`(?i)\b([a-z0-9._+-]+)\s*[\[({]\s*(?:at|@|ät|arroba|a)\s*[\])}]\s*([a-z0-9-]+(?:(?:\.|\s*[\[({]\s*(?:dot|\.|punkt|punto|ponto)\s*[\])}]\s*|\s+dot\s+)[a-z0-9-]+)+)`)
	spokenAt  = regexp.MustCompile(`(?i)\b([a-z0-9._+-]+)\s+(?:at|arroba)\s+([a-z0-9-]+\s+(?:dot|punto|ponto)\s+[a-z]{2,8})\b`)
	anyDot    = regexp.MustCompile(`(?i)\s*[\[({]?\s*(?:\bdot\b|\bpunkt\b|\bpunto\b|\bponto\b|\.)\s*[\])}]?\s*`)
)

// pointing are words before "at" that begin no address.
var pointing = setOf(`us it me them find look see shop order buy available live out here online site website page visit book more all up`)

// mayHideDots spares most texts the search.
func mayHideDots(text string) bool {
	for _, mark := range []string{"[.", "(.", "{.", "(at", "[at", "{at", "(@", "[@", "(ät", "(a)", "[dot", "(dot", " dot ", " Dot ", " DOT ", "(punkt", "[punkt", " punkt ", " punto ", " ponto ", "(punto", "(ponto", "(arroba", " arroba ", "[arroba"} {
		if strings.Contains(text, mark) {
			return true
		}
	}
	return false
}

func (s *scan) readHidden() {
	plain := func(host string) string { return strings.ToLower(anyDot.ReplaceAllString(host, ".")) }
	var took []place
	free := func(p place) bool {
		return !slices.ContainsFunc(took, func(t place) bool { return p.start < t.end && t.start < p.end })
	}
	for _, re := range []*regexp.Regexp{hiddenAt, spokenAt} {
		for _, m := range re.FindAllStringSubmatchIndex(s.text, -1) {
			p, local := place{m[0], m[1]}, strings.ToLower(s.text[m[2]:m[3]])
			if free(p) && (re == hiddenAt || !pointing[local]) {
				s.addEmail(p, local+"@"+plain(s.text[m[4]:m[5]]))
				took = append(took, p)
			}
		}
	}
	for _, m := range hiddenDot.FindAllStringIndex(s.text, -1) {
		if p := (place{m[0], m[1]}); free(p) {
			s.addLink(p, plain(s.text[m[0]:m[1]]))
		}
	}
}

func unknownLinks(d *draft) []Finding {
	links := func(c *claims) []link { return c.links }
	at := func(l link) place { return l.place }
	found := unknown(d, "a link that stands nowhere in what the model was given", links, at, sameSite)
	return slices.DeleteFunc(found, func(f Finding) bool { return d.mailsFrom(f.Span) })
}

// sameSite reports whether a link leads where a given one does: to a page of the
// same host or of one below it. At a shared host only the same page will do.
func sameSite(mine, given link) bool {
	if mine.host != given.host && !strings.HasSuffix(mine.host, "."+given.host) {
		return false
	}
	if !isShared(given.host) || mine.path == "" {
		return true
	}
	return mine.path == given.path || given.path != "" && strings.HasPrefix(mine.path, given.path+"/")
}

func isShared(host string) bool {
	for host != "" {
		if shared[host] || strings.HasPrefix(host, "amazon.") {
			return true
		}
		_, host, _ = strings.Cut(host, ".")
	}
	return false
}

// mailsFrom reports whether a host stands in a mail address of the team's.
func (d *draft) mailsFrom(span string) bool {
	for _, l := range d.claims.links {
		if d.Text[l.start:l.end] != span {
			continue
		}
		for _, e := range d.given().told.emails {
			_, host, _ := strings.Cut(e.address, "@")
			if sameSite(l, link{host: host}) && !isShared(host) {
				return true
			}
		}
	}
	return false
}

func unknownEmails(d *draft) []Finding {
	return unknown(d, "an e-mail address that stands nowhere in what the model was given",
		func(c *claims) []email { return c.emails },
		func(e email) place { return e.place },
		func(mine, given email) bool { return mine.address == given.address })
}
