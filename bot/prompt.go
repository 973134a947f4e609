package bot

// Role is who a chat message speaks for, as models have it.
type Role string

// The roles of chat messages. What the system says travels in Prompt.System.
const (
	RoleUser      Role = "user"      // the prospect
	RoleAssistant Role = "assistant" // our side, whoever wrote it
)

// ChatMessage is one turn of the transcript as the model gets it.
type ChatMessage struct {
	Role Role
	Text string
}

// Prompt is what goes to the model.
type Prompt struct {
	Template string // the template's name, without .tmpl
	System   string
	Facts    []string      // what of System is there to be repeated, such as the files it includes
	Chat     []ChatMessage // oldest first, the newest is the prospect's
	Tokens   int           // an estimate of System and Chat together
	Dropped  int           // turns left out to stay within the token budget
}

// Prompter builds prompts from the templates prompt authors wrote.
type Prompter interface {
	// Prompt renders the named template ("" for system) about c, which has been
	// read. guard is the name of the guard that decided to reply.
	Prompt(c *Conversation, template, guard string) (Prompt, error)
}
