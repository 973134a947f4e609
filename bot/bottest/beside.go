package bottest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"inboxbot/bot"
)

var (
	_ bot.Drafts = (*Store)(nil)
	_ bot.Purse  = (*Store)(nil)
	_ bot.Echoes = (*Store)(nil)
	_ bot.Shelf  = (*Store)(nil)
	_ bot.Behind = (*Store)(nil)
)

// beside is what a Store keeps besides claims and records.
type beside struct {
	drafts map[string]bot.Draft // by thread
	spent  map[string]bot.Spent // by day
	echoes map[string]map[string]time.Time
	shelf  map[string]shelved // by thread
	looks  map[string]kept    // by thread
}

type kept struct {
	bot.Looked
	until time.Time
}

type shelved struct {
	bot.Shelved
	at time.Time
}

func newBeside() beside {
	return beside{map[string]bot.Draft{}, map[string]bot.Spent{}, map[string]map[string]time.Time{}, map[string]shelved{}, map[string]kept{}}
}

// Draft implements bot.Drafts.
func (s *Store) Draft(ctx context.Context, thread string) (bot.Draft, error) {
	leave, err := s.enter(ctx, "draft")
	if err != nil {
		return bot.Draft{}, err
	}
	defer leave()
	return s.drafts[thread], nil
}

// KeepDraft implements bot.Drafts.
func (s *Store) KeepDraft(ctx context.Context, l bot.Lease, d bot.Draft) error {
	leave, err := s.enter(ctx, "keep draft")
	if err != nil {
		return err
	}
	defer leave()
	if d.Thread == "" || d.ID == "" || d.State == "" {
		return fmt.Errorf("store keep draft: %+v lacks a thread, an id or a state", d)
	}
	if s.drafts[d.Thread].ID == d.ID {
		return nil
	}
	if c := s.claims[d.Thread]; l.Token != "" && (c.token != l.Token || !time.Now().Before(c.ends)) {
		return bot.ErrLeaseLost
	}
	d.MadeAt, d.Until, d.DecidedAt = ms(d.MadeAt), ms(d.Until), ms(d.DecidedAt)
	s.drafts[d.Thread] = d
	return nil
}

// MoveDraft implements bot.Drafts.
func (s *Store) MoveDraft(ctx context.Context, thread, id string, to bot.DraftState) error {
	leave, err := s.enter(ctx, "move draft")
	if err != nil {
		return err
	}
	defer leave()
	d := s.drafts[thread]
	switch {
	case d.ID != id || d.ID == "":
		return bot.ErrRecorded
	case d.State == to:
		return nil
	case !slices.Contains(d.State.Next(), to):
		return bot.ErrRecorded
	}
	d.State = to
	s.drafts[thread] = d
	return nil
}

// WaitingDrafts returns up to limit drafts that wait for a person, the oldest
// first.
func (s *Store) WaitingDrafts(ctx context.Context, limit int) ([]bot.Draft, error) {
	leave, err := s.enter(ctx, "waiting drafts")
	if err != nil {
		return nil, err
	}
	defer leave()
	waiting := []bot.Draft{}
	for _, d := range s.drafts {
		if d.State == bot.DraftWaiting {
			waiting = append(waiting, d)
		}
	}
	slices.SortFunc(waiting, func(a, b bot.Draft) int {
		return cmp.Or(a.MadeAt.Compare(b.MadeAt), cmp.Compare(a.Thread, b.Thread))
	})
	return waiting[:min(max(limit, 0), len(waiting))], nil
}

// DecideDraft decides about a waiting draft as a person does: the thread is due
// at once. It returns bot.ErrRecorded, wrapped, when the draft does not wait.
func (s *Store) DecideDraft(ctx context.Context, thread, id string, to bot.DraftState, final, by string) error {
	return s.changeDraft(ctx, thread, id, final, func(d *bot.Draft, now time.Time) {
		d.State, d.By, d.DecidedAt = to, by, ms(now)
		if _, open := s.open[thread]; open {
			s.open[thread] = now
		}
	})
}

// EditDraft changes the words of a waiting draft.
func (s *Store) EditDraft(ctx context.Context, thread, id, text, _ string) error {
	return s.changeDraft(ctx, thread, id, text, func(*bot.Draft, time.Time) {})
}

func (s *Store) changeDraft(ctx context.Context, thread, id, final string, change func(*bot.Draft, time.Time)) error {
	leave, err := s.enter(ctx, "decide draft")
	if err != nil {
		return err
	}
	defer leave()
	d := s.drafts[thread]
	if d.ID != id || d.State != bot.DraftWaiting {
		return fmt.Errorf("store decide draft: it is %q: %w", d.State, bot.ErrRecorded)
	}
	switch final {
	case "":
	case d.Text:
		d.Final = ""
	default:
		d.Final = final
	}
	change(&d, time.Now())
	s.drafts[thread] = d
	return nil
}

// Spend implements bot.Purse.
func (s *Store) Spend(ctx context.Context, day string, add bot.Spent) (bot.Spent, error) {
	leave, err := s.enter(ctx, "spend")
	if err != nil {
		return bot.Spent{}, err
	}
	defer leave()
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return bot.Spent{}, fmt.Errorf("store spend: %q is not a day", day)
	}
	spent := s.spent[day]
	spent.Tokens += add.Tokens
	spent.MicroUSD += add.MicroUSD
	s.spent[day] = spent
	return spent, nil
}

// Echo implements bot.Echoes.
func (s *Store) Echo(ctx context.Context, sum, thread string) (int, error) {
	leave, err := s.enter(ctx, "echo")
	if err != nil {
		return 0, err
	}
	defer leave()
	now := time.Now()
	if s.echoes[sum] == nil {
		s.echoes[sum] = map[string]time.Time{}
	}
	s.echoes[sum][thread] = now
	others := 0
	for other, at := range s.echoes[sum] {
		if other != thread && now.Sub(at) < 24*time.Hour {
			others++
		}
	}
	return min(others, 100), nil
}

// Shelve implements bot.Shelf.
func (s *Store) Shelve(ctx context.Context, kept bot.Shelved) error {
	leave, err := s.enter(ctx, "shelve")
	if err != nil {
		return err
	}
	defer leave()
	if kept.Thread == "" || len(kept.Messages) == 0 {
		return fmt.Errorf("store shelve: %+v lacks a thread or messages", kept)
	}
	kept.Messages = slices.Clone(kept.Messages)
	s.shelf[kept.Thread] = shelved{kept, time.Now()}
	return nil
}

// Shelved implements bot.Shelf.
func (s *Store) Shelved(ctx context.Context, thread string) (bot.Shelved, error) {
	leave, err := s.enter(ctx, "shelved")
	if err != nil {
		return bot.Shelved{}, err
	}
	defer leave()
	kept := s.shelf[thread]
	if time.Since(kept.at) >= bot.KeptFor {
		return bot.Shelved{}, nil
	}
	kept.Messages = slices.Clone(kept.Messages)
	return kept.Shelved, nil
}

// LookedBehind implements bot.Behind.
func (s *Store) LookedBehind(ctx context.Context, threads []string) (map[string]bot.Looked, error) {
	leave, err := s.enter(ctx, "looked behind")
	if err != nil {
		return nil, err
	}
	defer leave()
	looked := map[string]bot.Looked{}
	for _, thread := range threads {
		if l := s.looks[thread]; time.Now().Before(l.until) {
			looked[thread] = l.Looked
		}
	}
	return looked, nil
}

// KeepLooked implements bot.Behind.
func (s *Store) KeepLooked(ctx context.Context, thread string, l bot.Looked, d time.Duration) error {
	leave, err := s.enter(ctx, "keep looked")
	if err != nil {
		return err
	}
	defer leave()
	l.At = ms(l.At)
	s.looks[thread] = kept{l, time.Now().Add(d)}
	return nil
}
