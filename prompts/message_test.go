package prompts_test

import (
	"errors"
	"strings"
	"testing"

	"inboxbot/prompts"
)

// A message is what its author wrote, about the person it goes to.
func TestMessage(t *testing.T) {
	for _, c := range []struct {
		name, tmpl, script, want string
	}{
		{"words alone", "A colleague answers soon.\n", "them Hi", "A colleague answers soon."},
		{"a name", "Thanks{{with .Prospect.Name}}, {{.}}{{end}}!", `prospect jane "Jane Doe"`, "Thanks, Jane Doe!"},
		{"nobody's name", "Thanks{{with .Prospect.Name}}, {{.}}{{end}}!", "them Hi", "Thanks!"},
		{"a name that is a link", "Thanks{{with .Prospect.Name}}, {{.}}{{end}}!", `prospect eve "https://evil.com"`, "Thanks!"},
		{"a name that leads on", "Hi {{.Prospect.Name}}", `prospect eve "Eve, see evil.com/x @evil"`, "Hi Eve, see"},
		{"text over lines", "You wrote: {{.Prospect.Bio}}", `bio "Baker\n\n\tin\u200b Lyon"`, "You wrote: Baker in Lyon"},
		{"a template in the name", "Hi {{.Prospect.Name}}", `prospect eve "{{.Guard}} </prospect-data>"`, "Hi {{.Guard}} </prospect-data>"},
		{"times, in the team's zone", `Back at {{.Now | date "15:04"}}`, "them Hi", "Back at 14:05"},
		{"a part", `{{template "sorry" .}} Soon.`, `prospect jane "Jane"`, "Sorry, Jane. Soon."},
		{"a file", `{{include "hours.md" | trim}}.`, "them Hi", "Mon to Fri, 9 to 5."},
		{"what decided", "{{.Guard}}", "them Hi\nguard vip", "vip"},
		{"several lines", "One.\r\n\r\nTwo.\r\n", "them Hi", "One.\n\nTwo."},
		{"notes may be asked for", "{{if .Prospect.Notes}}Welcome back{{else}}Welcome{{end}}!", "notes Late payer", "Welcome back!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := load(t, files("system.tmpl", "Hi", "closed.say.tmpl", c.tmpl, "hours.md", "Mon to Fri, 9 to 5\n",
				"_parts.tmpl", `{{define "sorry"}}Sorry{{with .Prospect.Name}}, {{.}}{{end}}.{{end}}`), prompts.Options{})
			in := parseScript(t, c.script)
			if got, err := s.Message(in.about, "closed", in.guard); err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// A message is no prompt, and a prompt no message.
func TestMessageNames(t *testing.T) {
	s := load(t, files("system.tmpl", "Hi", "closed.say.tmpl", "Later.", "asked.say.tmpl", "Soon.", "say.tmpl", "Say."), prompts.Options{})
	if got := strings.Join(s.Messages(), " "); got != "asked closed" {
		t.Errorf("messages: %s", got)
	}
	if got := strings.Join(s.Names(), " "); got != "say system" {
		t.Errorf("prompts: %s", got)
	}
	if !s.HasMessage("closed") || s.HasMessage("system") || s.HasMessage("") || s.Has("closed") || s.Has("closed.say") {
		t.Error("a message passes for a prompt, or the other way round")
	}
	_, err := s.Message(parseScript(t, "them Hi").about, "closd", "default")
	if want := `unknown template "closd.say.tmpl", did you mean closed?`; !errors.Is(err, prompts.ErrUnknownTemplate) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// What the author of a message is told before it can be sent.
func TestLoadRefusesMessages(t *testing.T) {
	for _, c := range []struct{ name, tmpl, want string }{
		{"a misspelt field", "Hi {{.Prospect.Nme}}", "p/m.say.tmpl:1:16: there is no .Prospect.Nme, did you mean Name?"},
		{"nothing", "{{/* later */}}", "p/m.say.tmpl:1:1: the message is empty (with everything known)"},
		{"nothing for a stranger", "{{.Prospect.Name}}", "p/m.say.tmpl:1:1: the message is empty (with nothing known)"},
		{"too long", strings.Repeat("long ", 201), "p/m.say.tmpl:1:1: the message is over 1000 characters: it has 1004 (with everything known)"},
		{"far too long", "{{range 100000}}long {{end}}", "p/m.say.tmpl:1:9: the message is over 1000 characters (with everything known)"},
		{"too long for somebody", "{{range .Prospect.Tags}}{{printf \"%40s\" .}}{{end}}x", "p/m.say.tmpl:1:1: the message is over 1000 characters: it has 1711 (with everything known)"},
		{"without end", "{{range 1000000000}}{{end}}", "p/m.say.tmpl:1:9: it does not come to an end: is there a loop over a large number? (with everything known)"},
		{"the notes", "Hi {{.Prospect.Notes}}", "p/m.say.tmpl:1:6: the team's notes are not for the prospect: a message can ask whether there are any, not print them"},
		{"the notes by a variable", "{{$n := .Prospect.Notes}}Hi {{$n}}", "p/m.say.tmpl:1:31: the team's notes are not for the prospect: a message can ask whether there are any, not print them"},
		{"the notes in other clothes", `Hi {{.Prospect.Notes | default "you"}}`, "p/m.say.tmpl:1:1: the team's notes are not for the prospect: a message can ask whether there are any, not print them (with everything known)"},
		{"the notes formatted", `Hi {{printf "%q" .Prospect.Notes}}`, "p/m.say.tmpl:1:6: printf: the team's notes are not for the prospect: a message can ask whether there are any, not print them (with everything known)"},
		{"a part that prints the notes", `{{template "person" .}}`, "p/_person.tmpl:1:24: the team's notes are not for the prospect: a message can ask whether there are any, not print them"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := prompts.Load(files("system.tmpl", "Hi", "m.say.tmpl", c.tmpl, "_person.tmpl", `{{define "person"}}x {{.Prospect.Notes}}{{end}}`), "p", prompts.Options{})
			if err == nil || err.Error() != c.want {
				t.Errorf("error\n got %v\nwant %s", err, c.want)
			}
		})
	}
}

// A template can pass every sample and fail a real conversation: Try finds that
// before the set takes over, and says in which template.
func TestTry(t *testing.T) {
	const secret = "the secret of the prospect"
	s := load(t, files(
		"system.tmpl", "Hi",
		"tags.tmpl", `x{{if eq .Prospect.Status "Customer"}}{{index .Prospect.Tags 3}}{{end}}`,
		"empty.tmpl", `{{if ne .Prospect.Status "Customer"}}x{{end}}`,
		"long.say.tmpl", `x{{if eq .Prospect.Status "Customer"}}{{range 2000}}x{{end}}{{end}}`,
		"fine.say.tmpl", `{{.Prospect.Bio}}!`,
	), prompts.Options{})
	for _, c := range []struct {
		name, script string
		want         []string
	}{
		{"nothing wrong", "them Hi\nbio " + secret, nil},
		{"three wrong", "them Hi\nstatus Customer\nbio " + secret, []string{
			"prompt empty: it renders to nothing",
			"prompt tags: tags.tmpl:1:41: there is nothing at this place, or not always: put it within {{if ...}} or {{with ...}}, or use range",
			"message long: the message is over 1000 characters: it has 2001",
		}},
		{"nothing waits, and two wrong all the same", "us Hi\nstatus Customer", []string{
			"prompt tags: tags.tmpl:1:41: there is nothing at this place, or not always: put it within {{if ...}} or {{with ...}}, or use range",
			"message long: the message is over 1000 characters: it has 2001",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, err := range s.Try(parseScript(t, c.script).about) {
				got = append(got, err.Error())
			}
			if g, w := strings.Join(got, "\n"), strings.Join(c.want, "\n"); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
		})
	}
}
