package inboxapi

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strconv"
)

// Cursor is where the next page of a list starts. It is opaque: its parts go
// back to the API as they came.
type Cursor struct {
	ID        string
	Timestamp string
}

// maxLimit is the longest page of threads or messages the API gives.
const maxLimit = 100

// maxPages bounds a walk over a list, against a cursor that never ends: 100,000
// rows of the longest pages.
const maxPages = 1000

// setPage adds the parameters of a page to q. A limit of 0 asks for maxLimit:
// every request counts against the quota, whatever the page's length.
func setPage(q url.Values, at *Cursor, limit int) {
	if limit == 0 {
		limit = maxLimit
	}
	q.Set("limit", strconv.Itoa(limit))
	if at != nil {
		q.Set("cursorId", at.ID)
		q.Set("cursorTimestamp", at.Timestamp)
	}
}

// decodeCursor reads a nextCursor; nil is the end of the list. Half a cursor is
// an error, as the list does not end there.
func decodeCursor(raw json.RawMessage) (*Cursor, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var c struct{ ID, Timestamp json.RawMessage }
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, malformed("nextCursor: " + err.Error())
	}
	id, at := text(c.ID), text(c.Timestamp)
	if id == "" || at == "" {
		return nil, malformed("nextCursor lacks its ID or its timestamp")
	}
	return &Cursor{id, at}, nil
}

// walk yields the rows of all pages, each ID once. A broken row is yielded as an
// error, and the walk goes on; any other error is the last thing it yields. A
// list may end only where the API says so: a cursor that comes back and a list
// longer than maxPages are errors.
func walk[T any](
	first *Cursor,
	id func(*T) string,
	page func(*Cursor) (rows []T, bad []MalformedRow, next *Cursor, err error),
) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		seen := make(map[string]bool)
		been := make(map[Cursor]bool)
		at := first
		for range maxPages {
			rows, bad, next, err := page(at)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, b := range bad {
				if !yield(nil, fmt.Errorf("row %.40q: %w", b.ID, b.Err)) {
					return
				}
			}
			for i := range rows {
				if seen[id(&rows[i])] {
					continue
				}
				seen[id(&rows[i])] = true
				if !yield(&rows[i], nil) {
					return
				}
			}
			if next == nil {
				return
			}
			if been[*next] || at != nil && *next == *at {
				yield(nil, malformed("the cursor does not move"))
				return
			}
			been[*next] = true
			at = next
		}
		yield(nil, malformed(fmt.Sprintf("the list has more than %d pages", maxPages)))
	}
}
