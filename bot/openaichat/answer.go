package openaichat

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	openai "github.com/sashabaranov/go-openai"

	"inboxbot/bot"
)

// read turns what came back into a completion or the reason why there is none.
// resp and err are the library's reading; x is what there was to read.
func (c *Client) read(x *exchange, resp openai.ChatCompletionResponse, err error) (bot.Completion, *Error) {
	p, isProblem := readProblem(x.body)
	switch {
	case x.status == 0 && x.err == nil:
		return bot.Completion{}, unasked(err)
	case x.status == 0:
		return bot.Completion{}, unreachable(x.err)
	case x.status < 200 || x.status >= 300:
		return bot.Completion{}, rejected(x.status, x.header, p, c.opts.Format)
	case errors.Is(x.err, errTooLong):
		return bot.Completion{}, &Error{Kind: ErrInvalid, Status: x.status, Message: errTooLong.Error(), cause: x.err}
	case x.err != nil:
		return bot.Completion{}, unreachable(x.err) // the connection ended before the body did
	case isProblem && len(resp.Choices) == 0:
		return bot.Completion{}, c.problemInside(x, p)
	case err != nil:
		return bot.Completion{}, unreadable(x)
	}
	done := bot.Completion{Model: oneLine(resp.Model, 100), Tokens: tokens(resp.Usage)}
	failure := c.readChoice(resp, &done)
	return done, failure
}

// problemInside is the error for an answer with status 200 that holds one.
func (c *Client) problemInside(x *exchange, p problem) *Error {
	if s := p.status(); s != 0 {
		return rejected(s, x.header, p, c.opts.Format)
	}
	if p.filtered() {
		return &Error{Kind: ErrRefused, Status: x.status, Code: p.name()}
	}
	if p.broke() {
		return rejected(http.StatusPaymentRequired, x.header, p, c.opts.Format)
	}
	return &Error{Kind: ErrInvalid, Status: x.status, Code: p.name(), Message: "an error in place of an answer: " + p.message, again: true}
}

// unreadable is the error for an answer with status 200 that is not JSON.
func unreadable(x *exchange) *Error {
	e := &Error{Kind: ErrInvalid, Status: x.status, again: true}
	switch body := bytes.TrimSpace(x.body); {
	case len(body) == 0:
		e.Message = "an empty body"
	case body[0] == '<' || strings.Contains(x.header.Get("Content-Type"), "text/html"):
		e.Message, e.Hint, e.again = "a web page, not JSON", "check OPENAI_BASE_URL (most end in /v1)", false
		e.unheard = true // of a proxy or a wrong address, whatever the prompt
	default:
		e.Message = "a body that is no chat completion, or not all of one"
	}
	return e
}

// readChoice reads the first choice into done.
func (c *Client) readChoice(resp openai.ChatCompletionResponse, done *bot.Completion) *Error {
	invalid := func(message string) *Error {
		return &Error{Kind: ErrInvalid, Status: http.StatusOK, Message: message, again: true}
	}
	if len(resp.Choices) == 0 {
		return invalid("no choices")
	}
	choice := resp.Choices[0]
	switch {
	case choice.Message.Refusal != "" || choice.FinishReason == openai.FinishReasonContentFilter:
		return &Error{Kind: ErrRefused, Status: http.StatusOK} // the refusal's words may quote the prospect
	case choice.FinishReason == openai.FinishReasonLength:
		e := invalid("cut off at the limit of tokens")
		e.cut, e.again = true, false // at the same limit it would be cut again
		return e
	case choice.FinishReason == "error": // OpenRouter: the provider behind it gave up half-way
		return invalid("the server gave up half-way")
	}
	done.Text = clean(content(choice.Message), c.opts.Format)
	if done.Text == "" {
		return invalid("an empty answer")
	}
	return nil
}

// content returns m's text; some servers send it in parts, of which thinking is one.
func content(m openai.ChatCompletionMessage) string {
	var b strings.Builder
	b.WriteString(m.Content)
	for _, part := range m.MultiContent {
		if part.Type == openai.ChatMessagePartTypeText || part.Type == "output_text" || part.Type == "" {
			b.WriteString(part.Text)
		}
	}
	return b.String()
}

// tokens reads u, whose details are missing on many servers.
func tokens(u openai.Usage) bot.Tokens {
	t := bot.Tokens{Prompt: max(0, u.PromptTokens), Completion: max(0, u.CompletionTokens)}
	if u.PromptTokensDetails != nil {
		t.Cached = min(max(0, u.PromptTokensDetails.CachedTokens), t.Prompt)
	}
	return t
}
