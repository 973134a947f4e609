package openaichat

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// problem is a server's account of an error, from any of the forms in use.
type problem struct {
	message string // one line, bounded
	code    string
	kind    string // "type" on the wire
	param   string // the request field at fault
	flagged bool   // OpenRouter: moderation gave reasons
}

// readProblem reads the error in body and reports whether there is one. OpenAI
// says {"error":{"message":…}}, Ollama {"error":"…"}, older vLLM {"message":…},
// FastAPI {"detail":…}, and Google a list of the first.
func readProblem(body []byte) (problem, bool) {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return problem{}, false
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	m, ok := v.(map[string]any)
	if !ok {
		return problem{}, false
	}
	switch inner := m["error"].(type) {
	case string:
		return problem{message: oneLine(inner, messageLen), code: name(m["code"])}, inner != ""
	case map[string]any:
		return problemOf(inner), len(inner) > 0
	}
	p := problemOf(m)
	return p, p.message != "" && m["choices"] == nil
}

func problemOf(m map[string]any) problem {
	meta, _ := m["metadata"].(map[string]any)
	message := text(m["message"])
	if message == "" {
		message = text(m["detail"])
	}
	if raw, ok := meta["raw"].(string); ok { // OpenRouter: what the provider behind it said
		message += ": " + raw
	}
	return problem{
		message: oneLine(message, messageLen),
		code:    name(m["code"]),
		kind:    name(m["type"]),
		param:   name(m["param"]),
		flagged: meta["reasons"] != nil || meta["flagged_input"] != nil,
	}
}

// text joins what may be one message or a list of them, as FastAPI's are. Their
// other fields quote the request and are left out.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		return text(v["msg"])
	case []any:
		var parts []string
		for _, e := range v[:min(len(v), 8)] {
			if _, nested := e.([]any); !nested {
				parts = append(parts, text(e))
			}
		}
		return strings.Join(parts, ", ")
	}
	return ""
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_.\-\[\]]{1,64}$`)

// name returns v if it is a number or a plain word, as codes and fields are.
func name(v any) string {
	switch v := v.(type) {
	case string:
		if nameForm.MatchString(v) {
			return v
		}
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// name is the most telling of the server's own names for the problem.
func (p problem) name() string {
	if p.code != "" && p.status() == 0 {
		return p.code
	}
	return p.kind
}

// status returns the HTTP status that p's code is, or 0: gateways send errors
// with status 200 and the real one inside.
func (p problem) status() int {
	n, err := strconv.Atoi(p.code)
	if err != nil || n < 400 || n > 599 {
		return 0
	}
	return n
}

func (p problem) filtered() bool {
	return p.flagged || anyOf(p.code+" "+p.kind, "content_filter", "content_policy", "responsibleaipolicy", "moderation_blocked")
}

// tooLong reports whether the prompt is over what the model or the server takes.
func (p problem) tooLong() bool {
	return anyOf(p.code+" "+p.message, "context_length", "context length", "context size", "context window", "prompt is too long")
}

// broke reports whether the account has nothing left, as distinct from a rate
// limit; OpenAI sends both with status 429.
func (p problem) broke() bool {
	return anyOf(p.code+" "+p.kind, "insufficient_quota", "insufficient_balance", "insufficient_credits", "billing") ||
		anyOf(p.message, "credit balance", "insufficient credits", "insufficient balance")
}

// refusesShape reports whether the model wants the fields of a reasoning model,
// which its name did not tell.
func (p problem) refusesShape() bool {
	fields := p.param + " " + p.message
	return anyOf(fields, "max_completion_tokens") ||
		(anyOf(fields, "temperature") && anyOf(p.code+" "+p.message, "unsupported"))
}

// hint says what the operator can change about a rejection.
func (p problem) hint(status int, format string) string {
	all := strings.Join([]string{p.message, p.code, p.kind, p.param}, " ")
	aboutModel := anyOf(p.code+" "+p.param, "model") || anyOf(p.message, "model")
	switch {
	case status == http.StatusUnauthorized:
		return "check OPENAI_API_KEY"
	case status == http.StatusForbidden:
		return "check what OPENAI_API_KEY may use, and OPENAI_MODEL"
	case anyOf(all, "response_format", "response format", "json_schema", "json schema", "json_object", "structured output", "guided", "grammar"):
		return formatHint(format)
	case status >= 300 && status < 400, status == http.StatusMethodNotAllowed, status == http.StatusNotFound && !aboutModel:
		return "check OPENAI_BASE_URL: nothing answers chat completions there (most end in /v1)"
	case aboutModel:
		return "check OPENAI_MODEL"
	}
	return "check OPENAI_MODEL and OPENAI_RESPONSE_FORMAT"
}

// formatHint names the next simpler format.
func formatHint(format string) string {
	switch format {
	case FormatJSONSchema:
		return "set OPENAI_RESPONSE_FORMAT=json_object (or text) if this server knows no json_schema"
	case FormatJSONObject:
		return "set OPENAI_RESPONSE_FORMAT=text if this server knows no json_object"
	}
	return "check OPENAI_MODEL"
}

// anyOf reports whether s holds one of the words, in any case.
func anyOf(s string, words ...string) bool {
	s = strings.ToLower(s)
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
