package history

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Source is what a View follows.
type Source interface {
	// LogAfter returns up to limit entries after that with this ID, "" for the
	// beginning, the oldest first; none when there are none yet.
	LogAfter(ctx context.Context, id string, limit int) ([]Entry, error)
}

// DefaultKeep is how many entries a View holds unless told otherwise.
const DefaultKeep = 100_000

const (
	followEvery = 500 * time.Millisecond
	followPage  = 1000
	chunkLength = 1000
	feedLength  = 64 // entries a slow subscriber may be behind before it misses some
)

// View holds the newest entries of a log in memory. Its methods are safe for
// concurrent use and never wait for the store.
type View struct {
	keep int

	mu     sync.Mutex
	chunks [][]Entry // oldest first; what is in one is never changed
	length int
	last   string // the ID followed to
	ready  bool   // the end of the log was reached once
	err    error  // of the last attempt to follow
	feeds  map[chan Entry]bool
	words  interner
}

// NewView returns an empty view that will hold the newest keep entries, 0 for
// DefaultKeep.
func NewView(keep int) *View {
	if keep <= 0 {
		keep = DefaultKeep
	}
	return &View{keep: keep, feeds: map[chan Entry]bool{}, words: interner{}}
}

// Follow fills the view from src and keeps it up to date until ctx ends, which is
// all it returns for. New entries are there within a second.
func (v *View) Follow(ctx context.Context, src Source) error {
	for {
		n, err := v.catchUp(ctx, src)
		v.mu.Lock()
		v.err = err
		v.ready = v.ready || err == nil && n < followPage
		v.mu.Unlock()
		if err == nil && n == followPage {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

// State reports whether the view has reached the end of the log once, and why it
// could not follow the last time it tried, nil when it could.
func (v *View) State() (ready bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ready, v.err
}

func (v *View) catchUp(ctx context.Context, src Source) (int, error) {
	v.mu.Lock()
	last := v.last
	v.mu.Unlock()
	entries, err := src.LogAfter(ctx, last, followPage)
	if err != nil {
		return 0, err
	}
	v.Add(entries...)
	return len(entries), nil
}

// Add takes entries in, in order, and tells subscribers of them. Follow does so;
// it is for those who have entries from elsewhere.
func (v *View) Add(entries ...Entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range entries {
		v.last = e.ID
		switch {
		case len(e.Erased) > 0:
			v.erase(e.Erased)
		case e.Outcome != "":
			v.append(v.words.pack(e))
			v.tell(e)
		}
	}
}

func (v *View) append(e Entry) {
	if n := len(v.chunks); n == 0 || len(v.chunks[n-1]) == cap(v.chunks[n-1]) {
		v.chunks = append(v.chunks, make([]Entry, 0, min(chunkLength, v.keep)))
	}
	last := &v.chunks[len(v.chunks)-1]
	*last = append(*last, e)
	v.length++
	for v.length-len(v.chunks[0]) >= v.keep {
		v.length -= len(v.chunks[0])
		v.chunks = slices.Delete(v.chunks, 0, 1)
	}
}

// erase builds the chunks anew that hold any of the entries.
func (v *View) erase(ids []string) {
	gone := make(map[string]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	is := func(e Entry) bool { return gone[e.ID] }
	chunks := v.chunks[:0:0]
	for _, c := range v.chunks {
		if slices.ContainsFunc(c, is) {
			before := len(c)
			c = slices.DeleteFunc(slices.Clone(c), is)
			v.length -= before - len(c)
		}
		if len(c) > 0 {
			chunks = append(chunks, c)
		}
	}
	v.chunks = chunks
}

// tell hands e to every subscriber that has room for it.
func (v *View) tell(e Entry) {
	for feed := range v.feeds {
		select {
		case feed <- e:
		default:
		}
	}
}

// Subscribe returns new entries as they come, until ctx ends: then the channel is
// closed. A subscriber that is slow misses some; it never holds anybody up.
func (v *View) Subscribe(ctx context.Context) <-chan Entry {
	feed := make(chan Entry, feedLength)
	v.mu.Lock()
	v.feeds[feed] = true
	v.mu.Unlock()
	context.AfterFunc(ctx, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.feeds, feed)
		close(feed)
	})
	return feed
}

// snapshot is every entry there is, in chunks, the oldest first. It stays as it is.
func (v *View) snapshot() [][]Entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.chunks)
}

// Len is how many entries the view holds.
func (v *View) Len() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.length
}

// Entry returns the entry with this ID.
func (v *View) Entry(id string) (Entry, bool) {
	for _, c := range slices.Backward(v.snapshot()) {
		if len(c) == 0 || After(c[0].ID, id) {
			continue
		}
		i, found := slices.BinarySearchFunc(c, id, func(e Entry, id string) int {
			switch {
			case After(e.ID, id):
				return 1
			case After(id, e.ID):
				return -1
			}
			return 0
		})
		if found {
			return c[i], true
		}
		return Entry{}, false
	}
	return Entry{}, false
}
