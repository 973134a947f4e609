package openaichat

import (
	"encoding/json"
	"regexp"
	"strings"
)

// Thinking as open models write it before their answer. Servers that know the
// model cut it out themselves; the others leave it in the content.
var (
	thinkOpens  = regexp.MustCompile(`(?i)[<\[](think|thinking|thought|reasoning)[>\]]`)
	thinkCloses = regexp.MustCompile(`(?i)[<\[]/(think|thinking|thought|reasoning)[>\]]`)
)

// mostThoughts bounds the work on a text that is nothing but thoughts.
const mostThoughts = 8

// clean returns the answer in text: without thinking, without a fence around it
// and, where the server was asked for JSON, without words around it. What is not
// certain stays as it is, for the reader of the decision to refuse: an object that
// is only quoted in the text must not become the decision.
func clean(text, format string) string {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	text = unthink(text)
	if strings.HasPrefix(text, "{") && json.Valid([]byte(text)) {
		return text
	}
	if inner, ok := unfence(text); ok {
		return inner
	}
	if format == FormatText {
		return text
	}
	return unwrap(text)
}

// unthink removes thinking from before the answer. Thinking that does not end
// leaves nothing: the answer never came. An end without a beginning is common too,
// where the beginning belongs to the model's template.
func unthink(text string) string {
	for range mostThoughts {
		if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "```") {
			return text
		}
		open := thinkOpens.FindStringIndex(text)
		end := thinkCloses.FindStringIndex(text)
		switch {
		case end != nil && open != nil && open[0] == 0:
			text = strings.TrimSpace(text[end[1]:]) // more of it may follow
		case end != nil:
			ends := thinkCloses.FindAllStringIndex(text, -1)
			return strings.TrimSpace(text[ends[len(ends)-1][1]:])
		case open != nil:
			return strings.TrimSpace(text[:open[0]])
		default:
			return text
		}
	}
	return text
}

// unfence returns the JSON object of the only fenced block in text. A fence that
// was never closed counts when text begins with it.
func unfence(text string) (string, bool) {
	const fence = "```"
	before, inner, ok := strings.Cut(text, fence)
	if !ok || strings.HasPrefix(text, "{") {
		return "", false
	}
	if end := strings.LastIndex(inner, fence); end >= 0 {
		inner = inner[:end]
	} else if before != "" {
		return "", false
	}
	if brace := strings.IndexByte(inner, '{'); brace >= 0 && isInfo(inner[:brace]) {
		inner = strings.TrimSpace(inner[brace:])
		return inner, json.Valid([]byte(inner))
	}
	return "", false
}

// isInfo reports whether s is what stands between a fence and its block.
func isInfo(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	return s == "" || s == "json" || s == "json5" || s == "jsonc"
}

// unwrap returns the one JSON object in text if everything from the first brace
// to the last is that object.
func unwrap(text string) string {
	from, to := strings.IndexByte(text, '{'), strings.LastIndexByte(text, '}')
	if from >= 0 && from < to && json.Valid([]byte(text[from:to+1])) {
		return text[from : to+1]
	}
	return text
}
