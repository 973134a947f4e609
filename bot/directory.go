package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"inboxbot/inboxapi"
)

// Directory is who and what the team has: all of it lists without pages.
type Directory interface {
	AccountLinks(ctx context.Context) ([]inboxapi.AccountLink, error)
	Members(ctx context.Context) ([]inboxapi.Member, error)
	Tags(ctx context.Context) ([]inboxapi.Tag, error)
	Statuses(ctx context.Context) ([]inboxapi.Status, error)
}

const (
	directoryAge   = 5 * time.Minute  // how old a list may get
	directoryPause = 10 * time.Second // shortest time between two looks for a name that is missing
)

// directory remembers the team's lists. A list is read when it is first needed,
// when it is older than directoryAge, and when something names an ID it lacks.
type directory struct {
	api Directory
	now func() time.Time // the API's clock; nil: nothing is ahead of it

	mu       sync.RWMutex
	accounts list[inboxapi.AccountLink]
	members  list[inboxapi.Member]
	tags     list[inboxapi.Tag]
	statuses list[inboxapi.Status]
	team     inboxapi.Team // never changes
}

type list[T any] struct {
	byID map[string]T
	read time.Time
}

func newDirectory(api Directory, team inboxapi.Team) *directory {
	return &directory{api: api, team: team}
}

// refresh reads a list again when it is older than age. Concurrent callers may
// read it twice; that costs a request, not correctness.
func refresh[T any](ctx context.Context, d *directory, l *list[T], age time.Duration,
	read func(context.Context) ([]T, error), id func(T) string,
) error {
	d.mu.RLock()
	fresh := l.byID != nil && time.Since(l.read) < age
	d.mu.RUnlock()
	if fresh {
		return nil
	}
	rows, err := read(ctx)
	if err != nil {
		return err
	}
	byID := make(map[string]T, len(rows))
	for _, row := range rows {
		byID[id(row)] = row
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l.byID, l.read = byID, time.Now()
	return nil
}

func (d *directory) refreshAccounts(ctx context.Context, age time.Duration) error {
	if err := refresh(ctx, d, &d.accounts, age, d.api.AccountLinks, func(a inboxapi.AccountLink) string { return a.ID }); err != nil {
		return fmt.Errorf("account links: %w", err)
	}
	return nil
}

func (d *directory) refreshMembers(ctx context.Context, age time.Duration) error {
	if err := refresh(ctx, d, &d.members, age, d.api.Members, func(m inboxapi.Member) string { return m.ID }); err != nil {
		return fmt.Errorf("members: %w", err)
	}
	return nil
}

func (d *directory) refreshTags(ctx context.Context, age time.Duration) error {
	if err := refresh(ctx, d, &d.tags, age, d.api.Tags, func(t inboxapi.Tag) string { return t.ID }); err != nil {
		return fmt.Errorf("tags: %w", err)
	}
	return nil
}

func (d *directory) refreshStatuses(ctx context.Context, age time.Duration) error {
	if err := refresh(ctx, d, &d.statuses, age, d.api.Statuses, func(s inboxapi.Status) string { return s.ID }); err != nil {
		return fmt.Errorf("statuses: %w", err)
	}
	return nil
}

// ready makes the lists a thread's row names known: who our accounts are always,
// the others only where the row has an ID of them.
func (d *directory) ready(ctx context.Context, th *inboxapi.Thread) error {
	if err := d.refreshAccounts(ctx, directoryAge); err != nil {
		return err
	}
	author := ""
	if th.LastMessage != nil {
		author = th.LastMessage.AuthorID
	}
	if _, known := d.account(th.AccountLinkID); !known || author != "" && d.sideOf(author, th) == SideUnknown {
		if err := d.refreshAccounts(ctx, directoryPause); err != nil {
			return err
		}
	}
	return errors.Join(
		known(ctx, d, &d.tags, th.Prospect.Context.Tags, d.refreshTags),
		known(ctx, d, &d.statuses, optional(th.Prospect.Context.StatusID), d.refreshStatuses),
		known(ctx, d, &d.members, optional(th.AssigneeID), d.refreshMembers),
	)
}

// known reads a list for ids: when it is old, or sooner when it lacks one. An ID
// that stays unknown is no error: lists and rows are read at different times.
func known[T any](ctx context.Context, d *directory, l *list[T], ids []string, refresh func(context.Context, time.Duration) error) error {
	if len(ids) == 0 {
		return nil
	}
	if err := refresh(ctx, directoryAge); err != nil {
		return err
	}
	for _, id := range ids {
		if _, ok := get(d, l, id); !ok {
			return refresh(ctx, directoryPause)
		}
	}
	return nil
}

func optional(id *string) []string {
	if id == nil {
		return nil
	}
	return []string{*id}
}

func get[T any](d *directory, l *list[T], id string) (T, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	v, ok := l.byID[id]
	return v, ok
}

func (d *directory) account(id string) (inboxapi.AccountLink, bool) { return get(d, &d.accounts, id) }

// isAccount reports whether an author ID is one of our accounts', by its Inbox
// or by its X ID.
func (d *directory) isAccount(id string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if _, ok := d.accounts.byID[id]; ok {
		return true
	}
	return d.hasPlatformID(id)
}

// isOwnPlatformID reports whether an X user is one of our own accounts.
func (d *directory) isOwnPlatformID(id string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.hasPlatformID(id)
}

func (d *directory) hasPlatformID(id string) bool {
	for _, a := range d.accounts.byID {
		if id != "" && a.PlatformID == id {
			return true
		}
	}
	return false
}

// allAccounts returns our account links.
func (d *directory) allAccounts() []inboxapi.AccountLink {
	d.mu.RLock()
	defer d.mu.RUnlock()
	all := make([]inboxapi.AccountLink, 0, len(d.accounts.byID))
	for _, a := range d.accounts.byID {
		all = append(all, a)
	}
	return all
}

// tagNames names the prospect's tags; one that the team has not keeps its ID.
func (d *directory) tagNames(ids []string) []string {
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		if tag, ok := get(d, &d.tags, id); ok {
			id = tag.Name
		}
		names = append(names, id)
	}
	return names
}

func (d *directory) statusName(id *string) string {
	if id == nil {
		return ""
	}
	if s, ok := get(d, &d.statuses, *id); ok {
		return s.Name
	}
	return *id
}

func (d *directory) memberEmail(id *string) string {
	if id == nil {
		return ""
	}
	m, _ := get(d, &d.members, *id)
	return m.Email
}

// member finds a member by email or ID.
func (d *directory) member(ctx context.Context, name string) (inboxapi.Member, bool, error) {
	for _, age := range []time.Duration{directoryAge, directoryPause} {
		if err := d.refreshMembers(ctx, age); err != nil {
			return inboxapi.Member{}, false, err
		}
		d.mu.RLock()
		for _, m := range d.members.byID {
			if m.ID == name || strings.EqualFold(m.Email, name) {
				d.mu.RUnlock()
				return m, true, nil
			}
		}
		d.mu.RUnlock()
	}
	return inboxapi.Member{}, false, nil
}

// hasTag reports whether the team has a tag with the ID.
func (d *directory) hasTag(id string) bool {
	_, ok := get(d, &d.tags, id)
	return ok
}

// tagID finds a tag by name, case-insensitively.
func (d *directory) tagID(name string) (string, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for id, t := range d.tags.byID {
		if strings.EqualFold(t.Name, name) {
			return id, true
		}
	}
	return "", false
}
