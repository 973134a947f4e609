package bot

// Check is one guard's answer about one conversation.
type Check struct {
	Guard string
	Fired bool
	Err   error // the guard could not be evaluated; it counts as fired, and a person gets the thread
	// Unread says that the guard was not evaluated because it needs the messages
	// and the conversation has none yet. It is the last check of its verdict.
	Unread bool
}

// Verdict is every check that was made, in order, and what follows from them.
type Verdict struct {
	Outcome Outcome
	Guard   string // the guard or check that decided; "default" when none fired
	Checks  []Check
}

// Unread reports whether the judging stopped at a guard that needs the
// conversation's messages, which have not been read. Outcome means nothing then.
func (v Verdict) Unread() bool {
	return len(v.Checks) > 0 && v.Checks[len(v.Checks)-1].Unread
}

// Guards judges conversations by what rule authors wrote. An implementation
// depends on the conversation alone, never on a clock of its own, and turns
// whatever goes wrong while judging into a Handoff that names the guard.
type Guards interface {
	// Judge asks the guards from top to bottom; the first that fires decides.
	// When c has not been read, it stops at the first guard that needs messages.
	Judge(c *Conversation) Verdict
	// Review asks the checks about the model's draft. Outcome.Action is Reply
	// when no check objects.
	Review(c *Conversation, d Decision) Verdict
}
