package redisstore

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"inboxbot/bot"
)

var _ bot.Drafts = (*Store)(nil)

//go:embed lua/draft.lua
var draftLua string

//go:embed lua/keepdraft.lua
var keepDraftLua string

//go:embed lua/movedraft.lua
var moveDraftLua string

//go:embed lua/decidedraft.lua
var decideDraftLua string

//go:embed lua/waitingdrafts.lua
var waitingDraftsLua string

var (
	keepDraftScript     = redis.NewScript(recordLua + draftLua + keepDraftLua)
	moveDraftScript     = redis.NewScript(recordLua + draftLua + moveDraftLua)
	decideDraftScript   = redis.NewScript(recordLua + draftLua + decideDraftLua)
	waitingDraftsScript = redis.NewScript(waitingDraftsLua)
)

// editsKept is how many edits of a draft are kept beside it.
const editsKept = 20

// longestWords is how many bytes a person's words for a draft may have: X takes
// 10,000 UTF-16 units, none of which needs more than three bytes.
const longestWords = 30_000

// Draft returns a thread's draft, a zero Draft when there is none. A draft is
// forgotten 7 days after its end, one without an end after Options.Retention.
func (s *Store) Draft(ctx context.Context, thread string) (bot.Draft, error) {
	h, err := s.rdb.HGetAll(ctx, s.draftKey(thread)).Result()
	if err != nil {
		return bot.Draft{}, fmt.Errorf("redis draft: %w", err)
	}
	return readDraft(thread, h), nil
}

// KeepDraft puts d in place of whatever draft the thread has. See bot.Drafts.
func (s *Store) KeepDraft(ctx context.Context, l bot.Lease, d bot.Draft) error {
	if d.Thread == "" || d.ID == "" || d.State == "" {
		return errors.New("redis keep draft: it needs a thread, an id and a state")
	}
	args := append([]any{l.Token, d.Thread, string(d.State), unixMS(d.MadeAt), ms(s.opts.Retention), d.ID}, draftFields(d)...)
	answer, err := s.run(ctx, keepDraftScript, []string{s.draftKey(d.Thread), s.key("drafts"), s.claimKey(d.Thread)}, args...)
	switch {
	case err != nil:
		return fmt.Errorf("redis keep draft: %w", err)
	case answer == "lost":
		return bot.ErrLeaseLost
	case answer != "ok":
		return fmt.Errorf("redis keep draft: %w", errAnswer)
	}
	return nil
}

// MoveDraft moves the draft with this ID to a state that bot.DraftState.Next
// allows. See bot.Drafts.
func (s *Store) MoveDraft(ctx context.Context, thread, id string, to bot.DraftState) error {
	args := []any{thread, id, string(to), ms(s.opts.Retention)}
	for _, from := range draftStates {
		if slices.Contains(from.Next(), to) {
			args = append(args, string(from))
		}
	}
	answer, err := s.run(ctx, moveDraftScript, []string{s.draftKey(thread), s.key("drafts")}, args...)
	switch {
	case err != nil:
		return fmt.Errorf("redis move draft to %s: %w", to, err)
	case answer == "recorded":
		return bot.ErrRecorded
	case answer != "ok":
		return fmt.Errorf("redis move draft to %s: %w", to, errAnswer)
	}
	return nil
}

var draftStates = []bot.DraftState{
	bot.DraftWaiting, bot.DraftApproved, bot.DraftRejected, bot.DraftHandoff, bot.DraftWithdrawn, bot.DraftExpired, bot.DraftSent, bot.DraftShadow, bot.DraftCompared,
}

// DecidedError says that a draft could not be decided about: it does not wait any
// more, or another one has taken its place. It matches bot.ErrRecorded.
type DecidedError struct {
	Draft bot.Draft // the thread's draft as it is now, zero when there is none
	Gone  bool      // it is not the one that was meant
}

// Error says where the draft stands.
func (e *DecidedError) Error() string {
	switch {
	case e.Draft.ID == "":
		return "the draft is not kept any more"
	case e.Gone:
		return "another draft has taken its place"
	case e.Draft.By != "":
		return fmt.Sprintf("the draft is %s already, by %s", e.Draft.State, e.Draft.By)
	}
	return fmt.Sprintf("the draft is %s already", e.Draft.State)
}

// Is makes it match bot.ErrRecorded.
func (e *DecidedError) Is(target error) bool { return target == bot.ErrRecorded }

// DecideDraft notes what a person decided about a waiting draft: approved,
// rejected or handoff. final are the words to send instead of the draft's, "" to
// leave them as they are. The thread is due at once, so that a worker takes it up
// within a second. It returns a *DecidedError, which matches bot.ErrRecorded, when
// the draft does not wait any more.
func (s *Store) DecideDraft(ctx context.Context, thread, id string, to bot.DraftState, final, by string) error {
	switch to {
	case bot.DraftApproved, bot.DraftRejected, bot.DraftHandoff:
	default:
		return fmt.Errorf("redis decide draft: nobody can decide that it is %q", to)
	}
	return s.changeDraft(ctx, thread, id, to, final, by)
}

// EditDraft changes the words of a waiting draft without deciding about it. The
// last 20 edits are kept, see DraftEdits. It fails as DecideDraft does.
func (s *Store) EditDraft(ctx context.Context, thread, id, text, by string) error {
	if text == "" {
		return errors.New("redis edit draft: no words: reject the draft instead")
	}
	return s.changeDraft(ctx, thread, id, "", text, by)
}

func (s *Store) changeDraft(ctx context.Context, thread, id string, to bot.DraftState, final, by string) error {
	if len(final) > longestWords {
		return fmt.Errorf("redis draft: %d bytes are more than X takes: shorten it", len(final))
	}
	answer, err := s.run(ctx, decideDraftScript, []string{s.draftKey(thread), s.key("drafts"), s.key("open")},
		thread, id, string(to), final, by, rand.Text(), ms(s.opts.Retention), editsKept)
	if err != nil {
		return fmt.Errorf("redis decide draft: %w", err)
	}
	switch parts, _ := answer.([]any); {
	case len(parts) == 1 && parts[0] == "ok":
		return nil
	case len(parts) == 2 && parts[0] == "late":
		flat, _ := parts[1].([]any)
		d := readDraft(thread, fieldsOf(flat))
		return &DecidedError{Draft: d, Gone: d.ID != id}
	}
	return fmt.Errorf("redis decide draft: %w", errAnswer)
}

// WaitingDrafts returns up to limit drafts that wait for a person, the oldest
// first, by when they were made.
func (s *Store) WaitingDrafts(ctx context.Context, limit int) ([]bot.Draft, error) {
	answer, err := s.run(ctx, waitingDraftsScript, []string{s.key("drafts")}, max(0, limit), s.draftKey(""))
	if err != nil {
		return nil, fmt.Errorf("redis waiting drafts: %w", err)
	}
	rows, ok := answer.([]any)
	if !ok {
		return nil, fmt.Errorf("redis waiting drafts: %w", errAnswer)
	}
	drafts := make([]bot.Draft, 0, len(rows))
	for _, row := range rows {
		pair, _ := row.([]any)
		if len(pair) != 2 {
			return nil, fmt.Errorf("redis waiting drafts: %w", errAnswer)
		}
		thread, _ := pair[0].(string)
		flat, _ := pair[1].([]any)
		drafts = append(drafts, readDraft(thread, fieldsOf(flat)))
	}
	return drafts, nil
}

// DraftEdit is one change a person made to a draft's words.
type DraftEdit struct {
	Text string
	By   string
	At   time.Time // on Redis's clock
}

// DraftEdits returns the last 20 edits of a thread's draft, the oldest first;
// none when the draft is another one by now.
func (s *Store) DraftEdits(ctx context.Context, thread, id string) ([]DraftEdit, error) {
	got, err := s.rdb.HMGet(ctx, s.draftKey(thread), fieldDraftID, fieldEdits).Result()
	if err != nil {
		return nil, fmt.Errorf("redis draft edits: %w", err)
	}
	text, _ := got[1].(string)
	if got[0] != id || text == "" {
		return nil, nil
	}
	var kept []struct{ Text, By, At string }
	if err := json.Unmarshal([]byte(text), &kept); err != nil {
		return nil, fmt.Errorf("redis draft edits: %w", errAnswer)
	}
	edits := make([]DraftEdit, len(kept))
	for i, e := range kept {
		edits[i] = DraftEdit{e.Text, e.By, readMS(e.At)}
	}
	return edits, nil
}

// Names of a draft's fields in Redis.
const (
	fieldDraftID    = "id"
	fieldDraftState = "st"
	fieldMade       = "made"
	fieldUntil      = "until"
	fieldFinal      = "final"
	fieldProspect   = "who"
	fieldProspectID = "whoid"
	fieldAccount    = "account"
	fieldAsked      = "asked"
	fieldBy         = "by"
	fieldDecided    = "decided"
	fieldEdits      = "edits"
)

// draftFields are a draft's fields but for its state and when it was made: names
// and values in turn.
func draftFields(d bot.Draft) []any {
	var flat []any
	for _, f := range [][2]string{
		{fieldDraftID, d.ID},
		{fieldMessage, d.MessageID},
		{fieldText, d.Text},
		{fieldFinal, d.Final},
		{fieldProspect, d.Prospect},
		{fieldProspectID, d.ProspectID},
		{fieldAccount, d.Account},
		{fieldAsked, d.Asked},
		{fieldReason, d.Reason},
		{fieldGuard, d.Guard},
		{fieldRules, d.Generation},
		{fieldUntil, unixMSOrNone(d.Until)},
		{fieldBy, d.By},
		{fieldDecided, unixMSOrNone(d.DecidedAt)},
	} {
		if f[1] != "" {
			flat = append(flat, f[0], f[1])
		}
	}
	return flat
}

// readDraft is the draft a hash holds. Fields it does not know are passed over.
func readDraft(thread string, h map[string]string) bot.Draft {
	if h[fieldDraftID] == "" {
		return bot.Draft{}
	}
	return bot.Draft{
		ID: h[fieldDraftID], Thread: thread, MessageID: h[fieldMessage], State: bot.DraftState(h[fieldDraftState]),
		Text: h[fieldText], Final: h[fieldFinal],
		Prospect: h[fieldProspect], ProspectID: h[fieldProspectID], Account: h[fieldAccount], Asked: h[fieldAsked],
		Reason: h[fieldReason], Guard: h[fieldGuard], Generation: h[fieldRules],
		MadeAt: readMS(h[fieldMade]), Until: readMS(h[fieldUntil]),
		By: h[fieldBy], DecidedAt: readMS(h[fieldDecided]),
	}
}

func (s *Store) draftKey(thread string) string { return s.key("d:" + thread) }
