package console

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf16"

	"inboxbot/bot"
	"inboxbot/bot/redisstore"
)

// draftsData is what waits for approval, the oldest first.
type draftsData struct {
	Drafts []draftData
	More   bool // there are more than are shown
	Most   int  // UTF-16 units of a reply
	// Lost are the words of somebody whose decision came too late, so that they are
	// not gone.
	Lost, LostThread string
	Drafting         bool // this bot has people approve its replies
}

// draftData is one draft with what a person has to know to decide about it.
type draftData struct {
	bot.Draft
	Left      time.Duration
	Expired   bool
	Turns     []turnData // the last ones, when this process has read the thread
	Overtaken bool       // something was written since
	Edits     []redisstore.DraftEdit
	Text      string // as it stands in the form
	Units     int
	Wrong     string // why what was entered was refused
	Next      string // the ID of the draft to go on with
}

const (
	draftsShown = 30
	turnsShown  = 6
)

func (c *Console) drafts(w http.ResponseWriter, r *http.Request, v *visit) error {
	d, err := c.waiting(r.Context())
	if err != nil {
		return err
	}
	c.render(w, r, v, page{Title: "Drafts", Template: "drafts", Data: d})
	return nil
}

func (c *Console) waiting(ctx context.Context) (*draftsData, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	found, err := c.Drafts.WaitingDrafts(ctx, draftsShown+1)
	if err != nil {
		return nil, err
	}
	recent := map[string]*bot.Conversation{}
	for _, conv := range c.Bot.Recent() {
		recent[conv.Thread.ID] = conv
	}
	d := &draftsData{More: len(found) > draftsShown, Most: c.MaxReply, Drafting: c.Mode == "draft"}
	for _, one := range found[:min(draftsShown, len(found))] {
		shown := draftData{Draft: one, Left: one.Until.Sub(c.Now()), Text: one.Words(), Units: units(one.Words())}
		shown.Expired = shown.Left <= 0
		shown.from(recent[one.Thread])
		if one.Final != "" { // else nobody has edited it
			if shown.Edits, err = c.Drafts.DraftEdits(ctx, one.Thread, one.ID); err != nil {
				return nil, err
			}
			for i := range shown.Edits {
				shown.Edits[i].At = c.shownAt(shown.Edits[i].At)
			}
		}
		if n := len(d.Drafts); n > 0 {
			d.Drafts[n-1].Next = one.ID
		}
		d.Drafts = append(d.Drafts, shown)
	}
	return d, nil
}

// from takes the last turns over, up to what was written since the draft.
func (d *draftData) from(conv *bot.Conversation) {
	if conv == nil {
		return
	}
	about := -1
	for i, t := range conv.Turns {
		if t.ID == d.MessageID {
			about = i
		}
	}
	if about < 0 { // what was read knows nothing of it yet
		return
	}
	d.Overtaken = about < len(conv.Turns)-1
	for _, t := range conv.Turns[max(0, len(conv.Turns)-turnsShown):] {
		d.Turns = append(d.Turns, turnData{Turn: t, Who: whoWrote(t, d.Prospect)})
	}
}

// units is the length of a text as X counts it.
func units(s string) int { return len(utf16.Encode([]rune(s))) }

// entered is a text as a form has sent it: browsers end lines as paper machines
// did.
func entered(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// decisions a person can make, by the name of the button.
var decisionsAbout = map[string]struct {
	to     bot.DraftState
	notice string
}{
	"approve": {bot.DraftApproved, "approved"},
	"reject":  {bot.DraftRejected, "rejected"},
	"handoff": {bot.DraftHandoff, "handoff"},
	"save":    {"", "saved"},
}

// decide takes a person's decision about a draft, or their words for it.
func (c *Console) decide(w http.ResponseWriter, r *http.Request, v *visit) error {
	thread, id := r.PathValue("thread"), r.PostForm.Get("draft")
	do, ok := decisionsAbout[r.PostForm.Get("do")]
	if !ok {
		return problem(http.StatusBadRequest, "Use one of the buttons. Nothing was changed.")
	}
	text := strings.TrimSpace(entered(r.PostForm.Get("text")))
	words := do.to == bot.DraftApproved || do.to == ""
	if why := c.unfit(text); words && why != "" {
		return c.draftsAgain(w, r, v, id, text, why)
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	err := c.tellStore(ctx, thread, id, do.to, text, v.By())
	if errors.Is(err, bot.ErrRecorded) {
		return c.tooLate(w, r, v, err, text)
	} else if err != nil {
		return err
	}
	c.audit(v, "draft "+do.notice, thread)
	next := "#d" + r.PostForm.Get("next")
	if do.to == "" {
		next = "#d" + id
	} else if next == "#d" {
		next = "#main"
	}
	c.back(w, r, "/drafts"+next, do.notice)
	return nil
}

func (c *Console) tellStore(ctx context.Context, thread, id string, to bot.DraftState, text, by string) error {
	switch to {
	case "":
		return c.Drafts.EditDraft(ctx, thread, id, text, by)
	case bot.DraftApproved:
		d, err := c.draftOf(ctx, thread, id)
		if err != nil {
			return err
		}
		if text == strings.TrimSpace(entered(d.Words())) {
			text = "" // as it stands: no edit
		}
	default:
		text = "" // nobody will read it
	}
	return c.Drafts.DecideDraft(ctx, thread, id, to, text, by)
}

// draftOf is the waiting draft with this ID, zero when it does not wait: then the
// decision finds that out.
func (c *Console) draftOf(ctx context.Context, thread, id string) (bot.Draft, error) {
	d, err := c.Drafts.Draft(ctx, thread)
	if err != nil || d.ID != id {
		return bot.Draft{}, err
	}
	return d, nil
}

// unfit says why a text cannot be sent, "" when it can.
func (c *Console) unfit(text string) string {
	switch n := units(text); {
	case text == "":
		return "There are no words to send. Write some, or reject the draft."
	case n > c.MaxReply:
		return "That is too long: " + count(n) + " characters as X counts them, and at most " + count(c.MaxReply) + " are allowed. Shorten it; nothing was sent."
	}
	return ""
}

// draftsAgain shows the page with what was entered, and why it was refused.
func (c *Console) draftsAgain(w http.ResponseWriter, r *http.Request, v *visit, id, text, why string) error {
	d, err := c.waiting(r.Context())
	if err != nil {
		return err
	}
	for i := range d.Drafts {
		if one := &d.Drafts[i]; one.ID == id {
			one.Text, one.Units, one.Wrong = text, units(text), why
		}
	}
	c.render(w, r, v, page{Title: "Drafts", Template: "drafts", Status: http.StatusUnprocessableEntity, Problem: why, Data: d})
	return nil
}

// tooLate says that the draft was decided about elsewhere, or overtaken, and keeps
// the words of who was late.
func (c *Console) tooLate(w http.ResponseWriter, r *http.Request, v *visit, why error, text string) error {
	d, err := c.waiting(r.Context())
	if err != nil {
		return err
	}
	d.Lost, d.LostThread = text, r.PathValue("thread")
	c.render(w, r, v, page{
		Title: "Drafts", Template: "drafts", Status: http.StatusConflict, Data: d,
		Problem: "Your decision came too late and changed nothing: " + lateWords(why) + ".",
	})
	return nil
}

// lateWords say what became of a draft.
func lateWords(err error) string {
	late, ok := errors.AsType[*redisstore.DecidedError](err)
	if !ok || late.Gone {
		return line(200, err.Error())
	}
	switch late.Draft.State {
	case bot.DraftWithdrawn:
		return "the draft was withdrawn, because the prospect or a person of the team wrote meanwhile"
	case bot.DraftExpired:
		return "the draft had expired, and a person gets the thread"
	case bot.DraftHandoff:
		return "somebody handed the thread over already, " + by(late.Draft.By)
	case bot.DraftWaiting, bot.DraftApproved, bot.DraftRejected, bot.DraftSent, bot.DraftShadow, bot.DraftCompared:
	}
	return line(200, err.Error())
}

func by(who string) string {
	if who == "" {
		return "by whom is not known"
	}
	return "by " + line(80, who)
}
