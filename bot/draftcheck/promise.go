package draftcheck

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Promises that somebody will do something later, which nobody will: the bot
// forgets the thread once it has answered. Words are without accents where that
// helps to read them; see pattern.go for the notation.
var (
	somebody = `i|we|they|someone|somebody|one|colleague|colleagues|team|teams|agent|agents|member|members|support|staff|person|human|people|specialist|specialists|manager|managers|expert|experts|rep|reps|representative|representatives|developer|developers|advisor|advisors|department|sales|office|engineer|engineers|technician|technicians|designer|designers|owner|founder|boss|crew|folks|guys`

	moment = map[string]string{"MOMENT": "momento|momentito|momentinho|segundo|instante|minuto"} //nolint:misspell // Spanish and Portuguese

	promising = merged(
		compile(map[string]string{
			"SOMEBODY": somebody,
			"WILL":     `will|ll|shall|gonna`,
		}, `
			SOMEBODY WILL * get|come|circle|report|write back
			SOMEBODY WILL * get back to
			SOMEBODY WILL * be in touch|contact
			SOMEBODY WILL * get in touch|contact
			SOMEBODY WILL * reach out
			SOMEBODY WILL * follow up
			SOMEBODY WILL * contact|email|mail|call|phone|message|dm|text|notify|inform|update|ping|ring|alert|remind you
			SOMEBODY WILL * let you know
			SOMEBODY WILL * keep you posted|updated|informed|in
			SOMEBODY WILL * forward|relay|escalate|flag|report|raise this|that|it|your|the
			SOMEBODY WILL * pass this|that|it|your|the on|along|to|message|request|idea|feedback
			SOMEBODY WILL * look into
			SOMEBODY WILL * find out
			SOMEBODY WILL * ask|consult the|my|our|a|around|them
			SOMEBODY WILL * check with|internally
			SOMEBODY WILL * take care of
			SOMEBODY WILL * send|mail|dm you * soon|shortly|later|tomorrow|asap|today
			SOMEBODY WILL * take it from here|there
			SOMEBODY WILL * sort|fix this|that|it
			SOMEBODY WILL * make a note
			SOMEBODY going to * get|be|reach|follow|check|contact|call|email|ask|find back|in|out|up|with|you|the|my|on
			you will|ll * hear back|from
			you will|ll * be contacted|notified|called|informed
			you will|ll * receive|get a|an call|reply|response|answer|update from|soon|shortly|within|later|by
			expect a|an call|reply|response|answer|email|message|update
			let me check|ask|look|find|verify|confirm with|this|that|the|my|into|out|for
			let me look|get|see into|back|about|what
			let me get back
			i m|am checking|asking|looking with|the|my|into|on
			we re|are checking|asking|looking|investigating with|the|into|this|that
			i|we ve|have * forwarded|passed|escalated|notified|alerted|informed|reported|flagged
			i|we just|already forwarded|passed|escalated|notified|flagged
			bear with me|us
			one|just moment|sec|second|minute|a please|while|moment|sec|second|minute
			give me|us a|one|just moment|minute|second|sec|few
			hold on while|a|one
		`),
		compile(nil, `
			melde|melden mich|uns
			melde|melden ich|wir mich|uns
			wir|ich werde|werden * melden
			werde|werden ich|wir * melden
			wird|werden sich * melden
			meldet sich
			gebe|geb * bescheid
			wir geben * bescheid
			geben wir * bescheid
			werde|werden|wird * bescheid geben
			komme|komm|kommen|kommt * auf sie|dich|euch zu
			wir|ich|team|kollege|kollegin komme|kommen|kommt * auf sie|dich|euch|ihnen
			frage|frag ich|das|es|kurz|mal|gleich|beim|im nach|team|kollegen
			ich frage|frag * nach
			wir fragen * nach
			und|gern|kurz frage nach
			ich|wir schaue|schauen|schau|sehe|sehen * nach
			schaue|schau|schauen|sehe|sehen ich|wir * nach
			und schreibe|schreiben|sage|sagen|rufe|rufen dir|ihnen|euch
			einen|kurzen|kleinen moment|augenblick bitte|geduld
			rückmeldung * von uns|mir
			bekommst|bekommen|erhältst|erhalten|bekommt|erhaltet * rückmeldung|antwort|bescheid
			ich|wir kläre|klären|prüfe|prüfen|checke|checken das|dies|es|die|den|ihre|deine|gleich|kurz|gerne|gern
			kümmere|kümmern mich|uns * darum
			ich|wir leite|leiten|gebe|geben * weiter
			leite|leiten|gebe ich|wir * weiter
			habe|haben * weitergeleitet|weitergegeben|informiert
			jemand|kollege|kollegin|kollegen|team|mitarbeiter|mitarbeiterin|berater|wir|ich ruft|rufe|rufen * an|zurück
			rufe|rufen ich|wir * an|zurück
			wir|ich schreibe|schreiben ihnen|dir|euch
			hören|hörst|hört * von uns|mir
			ich|wir|jemand|kollege|kollegin|team|wird|werde|werden werde|werden|wird * kontaktieren|anrufen|informieren|zurückrufen|nachfragen|weiterleiten|prüfen|klären|kümmern|benachrichtigen
			wird|werde|werden * kontaktieren|anrufen|informieren|zurückrufen|nachfragen|weiterleiten|benachrichtigen
			wir informieren|benachrichtigen|kontaktieren sie|dich|euch !dass|über
			halte|halten * auf dem laufenden
			setze|setzen uns|mich * in verbindung
			setzt sich * in verbindung
		`),
		compile(nil, `
			reviens|reviendrai|revenons|reviendrons|reviendra|reviendront|revient * vers
			recontacte|recontacterai|recontacterons|recontactons|recontactera|recontacteront
			vous|te contacterai|contacterons|contactera|contacteront|contactons|rappellerons|rappellerai|rappellera|appellerons|appellerai|appellera|ecrirons|ecrirai|informerons|informerai|préviendrons|préviendrai|prévenons
			te|vous tiens|tiendrai|tenons|tiendrons|tient|tiendra * au courant
			te|vous tiens|tiendrai|tenons|tiendrons|tient|tiendra * informé|informée|informés|informées
			on te|vous recontacte|rappelle|répond|écrit|dit|redit
			un petit|instant|moment instant|moment|svp|s|je
			patientez|patiente un
			vous|te rappelle|rappelons !que|qu|le|la|les|d
			je me renseigne
			nous nous renseignons
			vous|te dirons|dirai|redis|redirai|ferons|ferai * savoir|signe|rapidement|vite|demain
			je|nous transmets|transmettrai|transmettons|transmettrons
			transmets|transmettons * équipe|équipes|collègue|collègues
			aurez|auras * nouvelles
			va|vont|allons|vais * contacter|recontacter|rappeler|renseigner|transmettre
			vais|allons vérifier|demander|voir
			prendrons|prendrai|prendra * contact
			je vérifie
			nous vérifions
		`),
		compile(moment, `
			te|le|les|os|lo aviso|avisamos !que|de
			te|le|les|os|lo avisaré|avisaremos|avisará|avisan|avisarán|llamamos|llamaremos|llamaré|llamará|llamarán|escribimos|escribiremos|escribiré|escribirá|contactamos|contactaremos|contactaré|contactará|contactarán|informaremos|informaré|notificaremos|responderemos|responderé|mantendremos|mantendré|mantengo|confirmaré|confirmaremos|consulto|reviso|verifico|pregunto|averiguo|diremos|diré
			nos|me|se pondremos|pondré|pondrá|pondrán|ponemos|pongo * contacto
			contactaremos|contactaré|contactará|contactarán
			déjame|déjeme|permíteme|permítame * consultar|verificar|revisar|preguntar|checar|averiguar|ver|confirmar
			y te|le|les|os escribo|llamo|aviso|cuento|digo|confirmo|respondo|comento
			te|le|les|os escribo|llamo|cuento|confirmo en|luego|mañana|más|cuando
			un MOMENT por
			dame|denme|deme un
			voy|vamos a * consultar|verificar|revisar|preguntar|averiguar|checar|avisar
			consultaré|consultaremos|preguntaré|preguntaremos|averiguaré|averiguaremos|verificaré|verificaremos|revisaremos|revisaré
			consulto|pregunto|paso|pasaré|pasamos|pasaremos * equipo|compañeros|compañera|compañero|almacén|recado
			estaremos|estaré en contacto
			tendrás|tendrá noticias
		`),
		compile(moment, `
			entraremos|entrarei|entramos|entrará|entrarão|entro * contacto|contato
			vamos|vai|vou|irá|iremos entrar * contacto|contato
			avisaremos|avisarei
			avisamos !que|de
			te|lhe aviso|ligamos|ligo !que|de
			retornaremos|retornarei|retornamos|retornará
			daremos|darei|damos|dou * retorno|resposta|notícias|feedback
			ligaremos|ligarei|ligará
			vou|vamos|irei|iremos verificar|perguntar|consultar|confirmar|checar|encaminhar|averiguar
			verificarei|verificaremos|perguntarei|perguntaremos|confirmaremos|confirmarei
			manteremos|mantemos * informado|informada|par
			contactaremos|contataremos|contactarei|contatarei|contactá|contactará
			encaminharei|encaminharemos|encaminhei|encaminhamos
			terá|terás notícias
			já|logo|depois te|lhe|você retorno|aviso|respondo|chamo|confirmo|falo|ligo|escrevo
			e te|lhe retorno|aviso|respondo|chamo|confirmo|falo|ligo|escrevo
			um|só MOMENT por
			só um MOMENT
		`),
		compile(nil, `
			facciamo|faccio|faremo|farò|farà|faranno sapere
			ti|vi|la|le contatteremo|contattiamo|contatterò|contatterà|contatteranno|richiamiamo|richiameremo|richiamo|chiameremo|chiamiamo|aggiorniamo|aggiorneremo|aggiorno|aggiornerò|scriviamo|scriveremo|scriverò|avviseremo|avviserò|risponderemo|ricontatteremo|ricontattiamo
			ti|vi|la avviso|avvisiamo !che
			contatteremo|ricontatteremo|richiameremo|ricontattiamo|ricontatterà
			mi informo
			ci informiamo
			verifico|verifichiamo|controllo|controlliamo e|con|subito|al|il|la
			chiedo|chiediamo al|alla|ai|in|e
			sarà|sarai|saranno|verrà|verrai * contattato|contattata|ricontattato|ricontattata|richiamato
			inoltro|inoltriamo|giro|giriamo la|il|al|ai|questo|questa|tutto
			qualcuno|collega|team * contatterà|ricontatterà|chiamerà|contatta
			metteremo|mettiamo in contatto
		`),
		compile(nil, `
			we|wij|ik|collega|iemand nemen|neem|neemt|zal|zullen|gaat|gaan * contact
			nemen|neem|neemt|zal|zullen we|wij|ik|iemand * contact
			we|wij laten * weten
			laten we|wij * weten
			ik laat * weten
			laat ik * weten
			laat het je|u weten
			kom|komen|komt * op|bij terug
			zoek|zoeken ik|we|wij|het|dit|dat|even * uit
			ik|we|wij zoek|zoeken|ga|gaan * uit|uitzoeken|navragen|checken|vragen
			ik|we|wij vraag|vragen * na
			hoort|horen|hoor * van ons|mij
			ik|we|wij|collega|iemand bel|bellen|belt|mail|mailen|mailt je|u|jou * 
			bel|bellen|belt|mail|mailen ik|we|wij je|u
			houd|houden|hou * op de hoogte
			ik|we|wij kom|komen * * terug
			een|één moment|ogenblik alstublieft|alsjeblieft|geduld
			ik|we|wij geef|geven|stuur|sturen * door
		`),
		compile(nil, `
			damy|dam * znać
			odezwiemy|odezwę|odezwie|odezwą się
			skontaktujemy|skontaktuję|skontaktuje|skontaktują się
			oddzwonimy|oddzwonię|oddzwoni|zadzwonimy|zadzwonię|zadzwoni
			sprawdzimy|sprawdzę|zapytamy|zapytam|dopytamy|dopytam|przekażemy|przekażę|poinformujemy|poinformuję|powiadomimy|powiadomię
			dowiemy|dowiem się
			wrócimy|wrócę * z odpowiedzią|informacją|informacjami|wieściami
		`),
		compile(map[string]string{
			"WE":  withAnd(`سنتواصل ساتواصل سيتواصل سيتواصلون سنتصل ساتصل سيتصل سنعاود ساعاود سيعاود سنرد سارد سيرد سنخبرك سنخبركم ساخبرك ساخبركم سنبلغك سنبلغكم سابلغك سابلغكم سنعلمك سنعلمكم ساعلمك سنراسلك ساراسلك سنوافيك سنوافيكم ساوافيك سنتحقق ساتحقق سنتاكد ساتاكد سنسال ساسال ساستفسر سنستفسر بنتواصل هنتواصل حنتواصل هنرد بنرد حنرد بنخبرك هنبلغك حنبلغك`),
			"GO":  withAnd(`سنعود ساعود سيعود نرجع برجع ارجع بنرجع هرجع هنرجع نعود`),
			"BE":  withAnd(`سيتم`),
			"FUT": withAnd(`سوف راح رح`),
		}, `
			WE
			GO * اليك|اليكم|لك|لكم|عليك|بالرد
			BE التواصل|الرد|الاتصال|ابلاغك|اعلامك|اخبارك|ابلاغكم|اعلامكم|تحويل|تحويلك
			FUT نتواصل|اتواصل|يتواصل|نتصل|اتصل|يتصل|نرد|ارد|نخبرك|اخبرك|نبلغك|ابلغك|نرجع|ارجع|نعود|اعود|نتحقق|اتحقق|نتاكد|اتاكد|نسال|اسال
			لحظة|لحظات|دقيقة من|واحدة|لو|فضلك
		`),
		compile(nil, `
			свяжемся|свяжусь|свяжется|свяжутся
			вернусь|вернемся * ответом|вам|тебе|информацией|новостями
			сообщу|сообщим|сообщат|перезвоню|перезвоним|перезвонят|отпишусь|отпишемся
			напишу|напишем|ответим|отвечу вам|тебе|позже|скоро|завтра|как
			передам|передадим|передал|передала|передали * коллегам|команде|менеджеру|специалисту|отдел|информацию|вопрос
			дам|дадим * знать
			будем|буду на связи
			зв яжемося|яжуся|яжеться|яжуться
			повідомимо|повідомлю|передзвонимо|передамо|дамо знати|вам|вас|колегам
		`),
		compile(nil, `
			dönüş yapacağız|yapacağım|yaparız|yaparım|yapacak|yapacaktır|yapılacak|sağlayacağız
			iletişime geçeceğiz|geçeceğim|geçecek|geçecektir|geçeriz
			haber vereceğiz|vereceğim|veririz|veririm|verecek
			kontrol edip|edeceğim|edeceğiz|edeyim|edelim
			size|sana * döneceğiz|döneceğim|döneriz|dönerim|dönecek
			sizi|seni * arayacağız|arayacağım|ararız|bilgilendireceğiz|bilgilendireceğim|bilgilendiririz
			ekibimize|ekibe|ilgili * ileteceğim|ileteceğiz|iletiyorum|ilettim|ilettik
		`),
	)

	// checking is a promise unless the prospect is asked for something first: when
	// they send it, they are answered.
	checking = compile(map[string]string{"SOMEBODY": somebody, "WILL": `will|ll|shall|gonna`}, `
		SOMEBODY WILL * check|investigate|verify|clarify
		SOMEBODY WILL * take a look|closer
		SOMEBODY WILL * look at|this|that
		SOMEBODY WILL * see what
		уточню|уточним|узнаю|узнаем|выясню|выясним|проверю|проверим
		перевіримо|перевірю|уточнимо
	`)

	// promisingDense and checkingDense are the same for scripts that put no spaces
	// between words, and for Korean, whose endings are words of their own.
	promisingDense = regexp.MustCompile(strings.Join([]string{
		`(?:折り返し|後ほど|のちほど|後日|追って|改めて|あらためて|確認(?:して|し|の上|のうえ|でき次第|出来次第|次第|後)|[わ分]かり次第|調べて|担当(?:者|の者|スタッフ)?(?:より|から|が))[^。！？\n]{0,24}?(?:連絡|返信|返事|回答|お知らせ|電話|お伝え|報告|対応|メール)を?(?:いた|致|します|させて|申し上げ|さしあげ|差し上げ|するね|入れ)`,
		`(?:ご連絡|お返事|ご返信|ご報告)(?:いたします|致します|します|させていただきます|差し上げます|さしあげます)`,
		`(?:^|[。！？\n]|ので、|から、)(?:少々|しばらく|今しばらく|少し)お待ち(?:ください|下さい)`,
		`(?:稍后|稍後|晚点|晚點|之后|之後|尽快|盡快|马上|馬上|立即|随后|隨後|会|會|将|將|再)[^。！？\n]{0,12}?(?:联系|聯繫|聯絡|联络|回复|回覆|答复|答覆|通知|告知|转告|轉告|跟进|跟進)[给給]?(?:您|你)`,
		`[请請](?:您)?稍[等候]|稍等(?:一下|片刻)`,
		`(?:확인|문의|알아)[^.!?\n]{0,15}(?:연락|답변|회신|안내|알려)[^.!?\n]{0,6}(?:드리겠|드릴|하겠|할게)`,
		`(?:곧|나중에|추후|빠른 시일)[^.!?\n]{0,15}(?:연락|답변|회신|안내|알려)[^.!?\n]{0,6}(?:드리|드릴|하겠|할게)`,
		`연락을?\s*(?:드리겠|드릴|하겠|할게)`,
		`잠시만\s*기다려`,
	}, "|"))
	checkingDense = regexp.MustCompile(strings.Join([]string{
		`(?:確認|お調べ|問い合わせ|照会|調査)(?:いたします|致します|します|させていただきます|してみます|してきます)`,
		`我[们們]?[^。！？，\n]{0,5}?(?:帮您|帮你|幫您|幫你|去|先|会|會)[^。！？，\n]{0,4}?(?:查|确认|確認|核实|核實|问|問|了解)`,
		`확인해?\s*(?:보겠|드리겠|볼게|드릴게|하겠|할게)`,
	}, "|"))
	// askingDense makes the second depend on the prospect's next message.
	askingDense = regexp.MustCompile(`ください|下さい|教えて|お送り|いただけ|でしょうか|ますか|[请請]|吗|嗎|呢|주세요|주시|까요|나요|[?？]`)
)

// asking are words that make what follows depend on the prospect's next message.
var asking = setOf(`if once send share tell give dm drop provide post paste which what
	wenn sobald falls schick schicken schicke schicks sende senden nenne nennen sag
	si envoyez envoie dites dis donnez indiquez dès quand
	si envía envíanos envíame mándame mándanos dime dinos pásame pásanos cuando
	se envie mande diga quando assim
	se manda mandaci mandami dimmi dicci inviaci inviami appena
	als stuur geef zodra wanneer vertel
	jeśli jeżeli gdy proszę prześlij podaj napisz`)

// byOther are words of promises that another message here does not keep.
var byOther = setOf(`call email mail phone text contact ring anrufen ruft rufen rufe kontaktieren an zuruck contacto contacter rappeler
	forward forwarded escalate escalated touch out`)

func promises(d *draft) []Finding {
	if d.Handoff {
		return nil
	}
	var found []Finding
	for _, h := range promising.find(d.words) {
		if kept := d.inFacts(h) || d.depends(h) && !d.elsewhere(h); !kept {
			found = append(found, d.promised(h))
		}
	}
	for _, h := range checking.find(d.words) {
		if !d.depends(h) {
			found = append(found, d.promised(h))
		}
	}
	return append(found, d.promisesDense()...)
}

func (d *draft) promisesDense() []Finding {
	if !strings.ContainsFunc(d.Text, func(r rune) bool { return r >= firstCJK && unicode.IsLetter(r) }) {
		return nil
	}
	spans := promisingDense.FindAllString(d.Text, maxFindings)
	if !askingDense.MatchString(d.Text) {
		spans = append(spans, checkingDense.FindAllString(d.Text, maxFindings)...)
	}
	var found []Finding
	for _, span := range spans {
		span = strings.TrimLeft(span, "。！？\n")
		if !slices.ContainsFunc(d.Facts, func(f string) bool { return strings.Contains(f, span) }) {
			found = append(found, Finding{Span: shorten(span), Detail: unkept})
		}
	}
	return found
}

const unkept = "a promise that nobody will keep"

// withAnd are the words of Arabic alternatives, and the same with an "and" joined
// to them.
func withAnd(words string) string {
	all := strings.Fields(words)
	for _, w := range all {
		all = append(all, "و"+w)
	}
	return strings.Join(all, "|")
}

func (d *draft) promised(h hit) Finding {
	return Finding{Span: h.span(d.Text, d.words), Detail: unkept}
}

// depends reports whether the prospect is asked for something before h, in the
// same sentence.
func (d *draft) depends(h hit) bool {
	for i := h.from - 1; i >= 0 && d.words[i].sentence == d.words[h.from].sentence; i-- {
		if asking[d.words[i].low] {
			return true
		}
	}
	return false
}

func (d *draft) elsewhere(h hit) bool {
	for _, w := range d.words[h.from:h.to] {
		if byOther[w.low] {
			return true
		}
	}
	return false
}

// inFacts reports whether the facts end a promise in the same words, so that
// somebody keeps it: "we will email you a link".
func (d *draft) inFacts(h hit) bool {
	if h.to-h.from < 2 {
		return false
	}
	end := " " + folded(d.words[h.to-2:h.to]) + " "
	for _, f := range d.Facts {
		if strings.Contains(" "+folded(wordsOf(f))+" ", end) {
			return true
		}
	}
	return false
}
