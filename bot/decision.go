package bot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrDecision is what ParseDecision's errors match: the model's answer is not a
// decision.
var ErrDecision = errors.New("the model's answer is not a decision")

const (
	maxDecision = 64 << 10 // bytes; a reply fills at most 10,000 characters, and JSON may escape each
	maxReason   = 500      // runes of a reason; more is cut off
)

// ParseDecision reads the one JSON object in text as a Decision, and refuses what
// is not exactly that: an action that is none of the model's three (wait is not),
// a reply without text, a confidence that is no number from 0 to 1, a key that
// occurs twice, anything after the object. Keys it does not know are ignored;
// reason, and the reply of other actions, may be missing or null.
//
// Reply comes out trimmed, with \n for line ends and without other control
// characters; Reason on one line. Errors match ErrDecision and quote nothing of
// text: the model may have repeated what a stranger wrote.
func ParseDecision(text string) (Decision, error) {
	fields, err := objectFields(text)
	if err != nil {
		return Decision{}, fmt.Errorf("%w: %w", ErrDecision, err)
	}
	var d Decision
	err = errors.Join(
		readAction(fields["action"], &d.Action),
		readConfidence(fields["confidence"], &d.Confidence),
		readText("reply", fields["reply"], &d.Reply),
		readText("reason", fields["reason"], &d.Reason),
	)
	var language, cause string // hints: what they are not changes no decision
	_, _ = readText("language", fields["language"], &language), readText("cause", fields["cause"], &cause)
	d.Language, d.Cause = normalLanguage(language), normalCause(cause)
	d.Reply, d.Reason = normalReply(d.Reply), normalReason(d.Reason)
	if err == nil && d.Action == Reply && !strings.ContainsFunc(d.Reply, isVisible) {
		err = errors.New("a reply without text")
	}
	if err != nil {
		return Decision{}, fmt.Errorf("%w: %w", ErrDecision, err)
	}
	return d, nil
}

// objectFields returns the values of the one JSON object that text must be. It
// reads keys as they are written: encoding/json alone would let "Action" pass for
// "action", and the last of two win.
func objectFields(text string) (map[string]json.RawMessage, error) {
	switch {
	case len(text) > maxDecision:
		return nil, fmt.Errorf("longer than %d bytes", maxDecision)
	case !utf8.ValidString(text):
		return nil, errors.New("not UTF-8")
	case !json.Valid([]byte(text)):
		return nil, errors.New("not one JSON object")
	}
	dec := json.NewDecoder(strings.NewReader(text))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("JSON, but not an object")
	}
	fields := make(map[string]json.RawMessage)
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		var value json.RawMessage
		if err != nil || !ok || dec.Decode(&value) != nil {
			return nil, io.ErrUnexpectedEOF // unreachable: text is valid JSON
		}
		if _, twice := fields[name]; twice {
			return nil, errors.New("a key occurs twice")
		}
		fields[name] = value
	}
	return fields, nil
}

func readAction(raw json.RawMessage, to *Action) error {
	var s string
	if raw == nil {
		return errors.New("action is missing")
	}
	if err := json.Unmarshal(raw, &s); err == nil {
		switch a := Action(s); a {
		case Reply, Handoff, Skip:
			*to = a
			return nil
		case Wait: // a guard may say so, the model has to decide
		}
	}
	return errors.New("action is none of reply, handoff, skip")
}

func readConfidence(raw json.RawMessage, to *float64) error {
	if raw == nil {
		return errors.New("confidence is missing")
	}
	var f *float64
	if err := json.Unmarshal(raw, &f); err != nil || f == nil || !(*f >= 0 && *f <= 1) {
		return errors.New("confidence is not a number from 0 to 1")
	}
	*to = *f
	return nil
}

func readText(name string, raw json.RawMessage, to *string) error {
	if raw == nil || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("%s is not a text", name)
	}
	if strings.ContainsRune(*to, utf8.RuneError) { // half of an emoji, most often
		return fmt.Errorf("%s has a broken character", name)
	}
	return nil
}

// normalReply makes a reply what a person would have typed.
func normalReply(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s)
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// normalLanguage keeps what can be a language tag.
func normalLanguage(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) > 12 || strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' }) {
		return ""
	}
	return s
}

// normalCause keeps what a model may say.
func normalCause(s string) Cause {
	switch c := Cause(strings.TrimSpace(s)); c {
	case CauseAsked, CauseFacts, CausePolicy:
		return c
	default:
		return ""
	}
}

func isVisible(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }

// normalReason makes a reason one line.
func normalReason(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	n := 0
	for i := range s {
		if n++; n > maxReason {
			return s[:i] + "…"
		}
	}
	return s
}
