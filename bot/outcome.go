package bot

// Action names the four outcomes a conversation can have. The names are part of
// the contract: rule files, decisions of the model, logs and metrics use them.
type Action string

// The four outcomes.
const (
	Reply   Action = "reply"   // answer the prospect
	Handoff Action = "handoff" // a person should answer
	Skip    Action = "skip"    // leave it alone
	Wait    Action = "wait"    // not now: judge it again at the next sweep
)

// Outcome is what should happen with a conversation. It is a decision, no side
// effect yet.
type Outcome struct {
	Action Action
	Reason string // one line for the team
	Prompt string // Reply before the model was asked: the template, "" for system
	Text   string // Reply after the model was asked: what to send
	Tag    string // Handoff: instead of Config.HandoffTag
	Assign string // Handoff: a member's email or ID
}
