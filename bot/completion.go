package bot

import "context"

// Tokens is what one or more completions used. Cached is the part of Prompt that
// the server took from its cache.
type Tokens struct {
	Prompt, Cached, Completion int
}

// Add returns the sum of t and u.
func (t Tokens) Add(u Tokens) Tokens {
	return Tokens{t.Prompt + u.Prompt, t.Cached + u.Cached, t.Completion + u.Completion}
}

// Total is what t amounts to.
func (t Tokens) Total() int { return t.Prompt + t.Completion }

// Completion is what came back from the model: the text of its answer with
// fences and thinking removed, not yet read as a decision.
type Completion struct {
	Text   string
	Model  string // the model that answered, as the server names it
	Tokens Tokens
}

// Model completes prompts. Complete blocks until the answer is whole, retries
// what may pass within ctx's deadline, and reports tokens even with an error
// where the server counted some.
type Model interface {
	Complete(ctx context.Context, p Prompt) (Completion, error)
}

// Decision is the model's answer as data. Its JSON names are a contract with
// every prompt and model.
type Decision struct {
	Action     Action  `json:"action"` // reply, handoff or skip
	Reply      string  `json:"reply"`
	Confidence float64 `json:"confidence"` // 0 to 1
	Reason     string  `json:"reason"`     // one line for the team
}
