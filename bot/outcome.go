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

// Cause says why a person gets a thread. The list is closed: notes, metrics, rule
// files and the console use these names.
type Cause string

// The causes of a handoff.
const (
	CauseRule        Cause = "rule"             // a guard of the rule file says so
	CauseAsked       Cause = "asked-for-person" // the prospect wants one
	CauseFacts       Cause = "not-in-facts"     // the bot does not know
	CausePolicy      Cause = "policy"           // the bot must not answer such a thing
	CauseCheck       Cause = "check-failed"     // a check minds the draft
	CauseModel       Cause = "model-failed"     // out of reach, or talking nonsense
	CauseDoubt       Cause = "in-doubt"         // a send may or may not have arrived, or nobody can tell who wrote
	CauseLoop        Cause = "loop"             // two machines answer each other
	CauseCap         Cause = "cap"              // replies, tokens or money of the day are used up
	CauseDraft       Cause = "draft"            // nobody approved it in time, or somebody gave it to a person
	CauseUnavailable Cause = "cannot-send"      // Inbox does not take the reply
)

// Causes are all causes of a handoff.
var Causes = []Cause{
	CauseRule, CauseAsked, CauseFacts, CausePolicy, CauseCheck, CauseModel, CauseDoubt, CauseLoop, CauseCap, CauseDraft, CauseUnavailable,
}

// Outcome is what should happen with a conversation. It is a decision, no side
// effect yet.
type Outcome struct {
	Action  Action
	Reason  string // one line for the team
	Prompt  string // Reply before the model was asked: the template, "" for system
	Text    string // Reply after the model was asked: what to send
	Approve bool   // Reply: only after a person has approved the draft
	Cause   Cause  // Handoff
	Tag     string // Handoff: instead of Config.HandoffTag
	Assign  string // Handoff: a member's email or ID
	Say     string // Handoff: the name of a message to the prospect, "" for the rule file's own choice
}
