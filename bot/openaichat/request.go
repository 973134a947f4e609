package openaichat

import (
	"encoding/json"
	"strings"

	openai "github.com/sashabaranov/go-openai"

	"inboxbot/bot"
)

// decisionSchema is bot.Decision as OpenAI's strict mode wants it: every key
// required and no other allowed, which the library's generator does not give.
// Bounds of numbers are left out: not every server takes them.
const decisionSchema = `{
  "type": "object",
  "properties": {
    "action": {"type": "string", "enum": ["reply", "handoff", "skip"], "description": "reply: send the reply; handoff: a person should answer; skip: nothing needs an answer"},
    "reply": {"type": "string", "description": "the message to send; empty unless action is reply"},
    "confidence": {"type": "number", "description": "from 0 to 1: how sure you are that this action and reply are right"},
    "reason": {"type": "string", "description": "one line for the team that says why"},
    "language": {"type": "string", "description": "the language of the person's last messages as a code, such as en or pt-br"},
    "cause": {"type": "string", "enum": ["", "asked-for-person", "not-in-facts", "policy"], "description": "with handoff: asked-for-person, they want a person; not-in-facts, you do not know; policy, you must not answer this; else empty"}
  },
  "required": ["action", "reply", "confidence", "reason", "language", "cause"],
  "additionalProperties": false
}`

// jsonInstruction ends the system message where the server is not given the
// schema. OpenAI refuses json_object unless a message says JSON.
const jsonInstruction = `Answer with one JSON object and nothing else, no text around it, with exactly these keys:
{"action": "reply" or "handoff" or "skip", "reply": "the message to send, empty unless action is reply", "confidence": a number from 0 to 1, "reason": "one line for the team", "language": "en, de, ...: of their last messages", "cause": with handoff one of "asked-for-person", "not-in-facts", "policy", else ""}`

// temperature is low because an answer should not depend on luck. 0 cannot be
// sent: the library leaves it out.
const temperature = 0.2

// shape is what differs between models in the request for the same prompt.
type shape struct {
	// reasons: the model takes its limit as max_completion_tokens, thinking
	// included, and refuses a temperature.
	reasons bool
	limit   int // tokens of the answer, thinking included
}

func firstShape(o Options) *shape {
	s := shape{reasons: reasons(o.Model), limit: o.MaxReplyTokens}
	if s.reasons {
		s.limit += thinkingTokens
	}
	return &s
}

// reasons reports whether a model of this name is one of OpenAI's reasoning
// models, also behind a gateway's prefix ("openai/o3") or fine-tuned ("ft:o4-mini:").
// The library refuses these names a temperature and max_tokens.
func reasons(model string) bool {
	model = strings.ToLower(model[strings.LastIndex(model, "/")+1:])
	model = strings.TrimPrefix(model, "ft:")
	for _, series := range []string{"o1", "o3", "o4", "gpt-5", "gpt-6"} {
		if strings.HasPrefix(model, series) {
			return true
		}
	}
	return false
}

// after returns the shape to try once s has led to e, and whether it differs.
func (s shape) after(e *Error, o Options) (shape, bool) {
	next := s
	if e.cut {
		next.limit = o.MaxReplyTokens + thinkingTokens
	}
	if e.refusedShape {
		next.reasons, next.limit = true, o.MaxReplyTokens+thinkingTokens
	}
	return next, next != s
}

func (c *Client) request(p bot.Prompt, s shape) (openai.ChatCompletionRequest, *Error) {
	req := openai.ChatCompletionRequest{
		Model:          c.opts.Model,
		Messages:       messages(p, c.opts.Format),
		ResponseFormat: responseFormat(c.opts.Format),
	}
	if n := len(req.Messages); n == 0 || req.Messages[n-1].Role == openai.ChatMessageRoleSystem {
		return req, &Error{Kind: ErrRefused, Message: "the prompt has no message to answer"}
	}
	if s.reasons {
		req.MaxCompletionTokens = s.limit
	} else {
		req.MaxTokens, req.Temperature = s.limit, temperature //nolint:staticcheck // deprecated by OpenAI alone: other servers know no other field
	}
	return req, nil
}

// messages leaves empty texts out, whose content the library would omit, and
// joins neighbours of one role: many chat templates accept nothing but turns that
// alternate, and people write in bursts.
func messages(p bot.Prompt, format string) []openai.ChatCompletionMessage {
	var out []openai.ChatCompletionMessage
	add := func(role, text string) {
		if strings.TrimSpace(text) == "" {
			return
		}
		if n := len(out); n > 0 && out[n-1].Role == role {
			out[n-1].Content += "\n\n" + text
			return
		}
		out = append(out, openai.ChatCompletionMessage{Role: role, Content: text})
	}
	add(openai.ChatMessageRoleSystem, p.System)
	if format != FormatJSONSchema {
		add(openai.ChatMessageRoleSystem, jsonInstruction)
	}
	for _, m := range p.Chat {
		role := openai.ChatMessageRoleUser
		if m.Role == bot.RoleAssistant {
			role = openai.ChatMessageRoleAssistant
		}
		add(role, m.Text)
	}
	return out
}

func responseFormat(format string) *openai.ChatCompletionResponseFormat {
	switch format {
	case FormatJSONSchema:
		return &openai.ChatCompletionResponseFormat{
			Type: openai.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{
				Name: "decision", Strict: true, Schema: json.RawMessage(decisionSchema),
			},
		}
	case FormatJSONObject:
		return &openai.ChatCompletionResponseFormat{Type: openai.ChatCompletionResponseFormatTypeJSONObject}
	}
	return nil // servers that know least do not know the field either
}
