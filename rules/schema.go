package rules

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"inboxbot/bot"
	"inboxbot/bot/draftcheck"
)

// Schema returns the JSON Schema (draft 7, which editors read best) of a rule
// file: its keys and what they mean, the words that can follow them, and in the
// description of when every name of Names. It refuses nothing that Load takes.
// What needs more than a look at one value, such as an expression's types, hours
// that overlap or names that are taken, only Load refuses.
func Schema() []byte { return []byte(schemaText()) }

var schemaText = sync.OnceValue(func() string {
	text, err := json.MarshalIndent(fileSchema(), "", "  ")
	if err != nil {
		panic(err) // unreachable: it is made of texts and numbers
	}
	return string(text) + "\n"
})

// schema is a JSON Schema, or a part of one.
type schema map[string]any

// with returns s, described.
func (s schema) with(description string) schema {
	out := schema{"description": description}
	for key, value := range s {
		out[key] = value
	}
	return out
}

// object is a mapping that has the keys of properties and no others.
func object(properties schema, required ...string) schema {
	out := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func listOf(items schema) schema { return schema{"type": "array", "items": items} }

// line is a text of one line that is not empty.
func line(most int) schema {
	return schema{"type": "string", "minLength": 1, "maxLength": most, "pattern": `^[^\n]*\S[^\n]*\n?$`}
}

func oneOf[T ~string](words ...T) schema { return schema{"type": "string", "enum": words} }

func matching(pattern string) schema { return schema{"type": "string", "pattern": "^" + pattern + "$"} }

var (
	freeText = schema{"type": "string"}
	yesNo    = schema{"type": "boolean"}
	counted  = schema{"type": "integer", "minimum": 0}
	aName    = schema{"type": "string", "minLength": 1, "maxLength": maxName, "pattern": `^[\p{L}\p{N}][\p{L}\p{N}._-]*$`}
	instant  = matching(`\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?`)
	elapsed  = matching(`[+]?(0|([\d.]+(h|m|s|ms|us|µs|ns))+)`)
)

func fileSchema() schema {
	out := object(schema{
		"version":      schema{"const": 1}.with("The version of this format."),
		"hours":        hoursSchema(),
		"guards":       listOf(guardSchema("Guard", true)).with("Asked from top to bottom; the first whose when is true decides."),
		"default":      oneOf("reply", "draft", "handoff", "skip", "wait").with("What happens when no guard fires: " + outcomes + " skip when the line is missing."),
		"checks":       listOf(guardSchema("Check", false)).with("Asked about the model's draft, which the first that fires keeps from being sent."),
		"handoffs":     listOf(handoffSchema()).with("What is said to the prospect when a person takes over; the first entry that fits decides."),
		"draft-checks": draftChecksSchema(),
		"tests":        listOf(testSchema()).with("Conversations and what should come of them. A rule file with a test that fails is refused."),
	}, "version")
	out["$schema"] = "http://json-schema.org/draft-07/schema#"
	out["title"] = "Rule file of inboxbot"
	out["definitions"] = schema{
		"when":  schema{"type": []string{"string", "boolean"}, "description": whenHelp(false)},
		"check": schema{"type": []string{"string", "boolean"}, "description": whenHelp(true)},
		"cause": oneOf(bot.Causes...),
	}
	return out
}

const outcomes = "reply: the model answers. draft: the same, but a person approves the answer first. " +
	"handoff: a person gets it. skip: it is left alone. wait: it is judged again later."

func ref(name string) schema { return schema{"$ref": "#/definitions/" + name} }

const clockPattern = `([01]\d|2[0-3]):[0-5]\d`

func hoursSchema() schema {
	windows := listOf(matching(`\s*` + clockPattern + `\s*-\s*(` + clockPattern + `|24:00)\s*`)).
		with(`When it is open: ["09:00-12:30", "13:30-18:00"]. 00:00-24:00 is the whole day, [] is closed.`)
	date := `\s*\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01])\s*`
	days := schema{
		"mon-fri": windows,
		"closed":  listOf(matching(date + `(\.\.` + date + `)?`)).with(`Dates on which it is closed all day: ["2026-12-25", "2026-12-31..2027-01-01"].`),
	}
	var either []string
	for _, d := range weekdays {
		days[d] = windows
		either = append(either, fmt.Sprintf("[%c%c]%s", d[0]-'a'+'A', d[0], upperOrLower(d[1:])))
	}
	day := "(" + strings.Join(either, "|") + ")"
	week := object(days)
	week["patternProperties"] = schema{"^" + day + "(-" + day + ")?$": windows}
	return schema{
		"type":                 "object",
		"description":          `When the team is there, by name, on the clock of BOT_TIMEZONE: for open("business"), closed and closedBecause.`,
		"propertyNames":        aName,
		"additionalProperties": week.with("Days or ranges of days, and closed."),
	}
}

func upperOrLower(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, "[%c%c]", r-'a'+'A', r)
	}
	return b.String()
}

// guardSchema is of a guard, or of a check.
func guardSchema(title string, isGuard bool) schema {
	when, then := ref("when"), oneOf("reply", "draft", "handoff", "skip", "wait").with(outcomes)
	if !isGuard {
		when, then = ref("check"), oneOf("handoff", "skip").with("handoff: a person gets the conversation. skip: it is left alone.")
	}
	out := object(schema{
		"name":   aName.with("Its name, as logs and people call it. Each name once."),
		"when":   when,
		"then":   then,
		"reason": line(maxReason).with("Why, one line for the team."),
		"tag":    line(maxTag).with("handoff: the tag the prospect gets instead of BOT_HANDOFF_TAG."),
		"assign": line(maxTag).with("handoff: the email or ID of the member who gets it."),
		"cause":  ref("cause").with("handoff: why, in the words that notes and metrics use."),
		"say":    line(maxName).with("handoff: the message to the prospect, NAME.say.tmpl; none says nothing."),
		"prompt": line(maxName).with("reply, draft: the template, NAME.tmpl, instead of system.tmpl."),
	}, "name", "when", "then")
	out["title"] = title
	out["allOf"] = []schema{
		onlyWith([]string{"handoff"}, "tag", "assign", "cause", "say"),
		onlyWith([]string{"reply", "draft"}, "prompt"),
	}
	return out
}

// onlyWith refuses keys with other outcomes than these.
func onlyWith(outcomes []string, keys ...string) schema {
	refused := schema{}
	for _, k := range keys {
		refused[k] = false
	}
	return schema{
		"if":   schema{"properties": schema{"then": schema{"enum": outcomes}}},
		"else": schema{"properties": refused},
	}
}

func handoffSchema() schema {
	return object(schema{
		"causes":  schema{"type": "array", "items": ref("cause"), "minItems": 1}.with("For these causes; all when it is missing."),
		"during":  line(maxName).with("Only while these hours are open."),
		"outside": line(maxName).with("Only while these hours are not open."),
		"say":     line(maxName).with("The message to the prospect, NAME.say.tmpl; none says nothing."),
	}, "say")
}

func draftChecksSchema() schema {
	modes := schema{}
	for _, name := range draftcheck.Names {
		modes[name] = oneOf(draftcheck.On, draftcheck.Log, draftcheck.Off)
	}
	return object(modes).with("The bot's own checks of a draft. on: one that fails hands over, also when it is not named here. log: it is told of, and the text is sent. off: it is not made.")
}

func testSchema() schema {
	return object(schema{
		"name":  line(maxReason).with("What it shows. Each name once."),
		"given": givenSchema(),
		"expect": object(schema{
			"outcome": oneOf("reply", "draft", "handoff", "skip", "wait"),
			"guard":   line(maxName).with("The guard or check that decides; default when none does."),
			"say":     line(maxName).with("The message to the prospect; none when nothing is said."),
		}).with("What should come of it. What is left out may be anything."),
	}, "name", "expect")
}

func givenSchema() schema {
	prospect, account := memberSchema("prospect"), memberSchema("account")
	prospect["id"] = freeText.with("Their ID on X, which rollout goes by.")
	account["status"] = freeText.with("Why it is not online, as the Inbox API says it; unlinked when the team has it no more.")
	numbered := counted.with("A message by its number in the list, from 1.")
	return object(schema{
		"now":     instant.with("When it is read: 2026-11-25T12:00, in BOT_TIMEZONE unless it ends with an offset."),
		"message": freeText.with("One message of the prospect."),
		"messages": listOf(object(schema{
			"from":   oneOf("prospect", "us", "person", "person-x", "bot", "campaign", "api", "unsure", "unknown").with("Who wrote it. The prospect when it is missing."),
			"text":   freeText,
			"ago":    elapsed.with("How long before now it was written: 5m, 26h."),
			"at":     instant.with("When it was written, instead of ago."),
			"media":  listOf(freeText).with("The kinds of what came with the text: [image]."),
			"edited": yesNo,
		})).with("What was written, oldest first."),
		"more":         yesNo.with("Whether the thread has older messages than these."),
		"prospect":     object(prospect),
		"account":      object(account),
		"thread":       object(memberSchema("thread")),
		"team":         object(schema{"name": freeText, "currency": freeText}),
		"repliesToday": counted.with("How many messages this bot sent in the last 24 hours."),
		"seen":         listOf(freeText).with("The names of tags the prospect has had."),
		"draft":        object(memberSchema("draft")).with("What the model answered, when the checks are to be tested."),
		"record": object(schema{
			"state":   oneOf(bot.StateWaiting, bot.StateIntent, bot.StateRetry, bot.StateHanding, bot.StateSent, bot.StateHandoff, bot.StateAnswered, bot.StateSkipped),
			"message": numbered, "ended": numbered, "sent": numbered, "sentText": numbered,
			"at": instant, "seenAt": instant, "endedAt": instant,
		}).with("What the bot knows of the thread."),
	}).with("The conversation. What is left out is as in an ordinary one.")
}

// memberSchema is what a test can say of a group of names.
func memberSchema(group string) schema {
	types := map[string]schema{
		"text": freeText, "number": {"type": "number"}, "true/false": yesNo, "time": instant, "duration": elapsed, "list of texts": listOf(freeText),
	}
	out := schema{}
	for _, n := range Names() {
		if key, ok := strings.CutPrefix(n.Name, group+"."); ok {
			out[key] = types[n.Type].with(n.Meaning)
		}
	}
	return out
}

// whenHelp is what an editor shows of an expression.
func whenHelp(check bool) string {
	var b strings.Builder
	b.WriteString("An expression that is true or false, for instance tagged(\"VIP\") and not open(\"business\"). One with : or # in it belongs below `when: |`.\n\nNames:\n")
	for _, n := range Names() {
		if n.Group() || n.Check && !check {
			continue
		}
		fmt.Fprintf(&b, "- %s: %s. %s", n.Name, n.Type, n.Meaning)
		if n.Request {
			b.WriteString(" (needs the messages)")
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\nFunctions: %s.", strings.Join(Functions(), ", "))
	return b.String()
}
