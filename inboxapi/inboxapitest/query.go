package inboxapitest

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is a request's parameters in the API's bracket notation. Its methods take
// values out, typed and checked; the first mistake is kept in err. Parameters
// nobody asks for are ignored, as the API does.
type query struct {
	values url.Values
	err    error
}

func (c *call) query() *query {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.err = badRequest("Malformed query string")
	}
	return q
}

func (q *query) fail(name string) {
	if q.err == nil {
		q.err = badRequest("Invalid value for %s", name)
	}
}

func (q *query) has(name string) bool { return len(q.values[name]) > 0 }

// text returns a parameter that is given at most once.
func (q *query) text(name string) string {
	if len(q.values[name]) > 1 {
		q.fail(name)
	}
	return q.values.Get(name)
}

// required returns a parameter that must be there and not empty.
func (q *query) required(name string) string {
	v := q.text(name)
	if v == "" && q.err == nil {
		q.err = badRequest("%s is required", name)
	}
	return v
}

// id returns a parameter that is an Inbox ID, "" if it is absent.
func (q *query) id(name string) string {
	v := q.text(name)
	if q.has(name) && !idPattern.MatchString(v) {
		q.fail(name)
	}
	return v
}

// flag returns a boolean parameter, false if it is absent.
func (q *query) flag(name string) bool {
	v := q.text(name)
	if q.has(name) && v != "true" && v != "false" {
		q.fail(name)
	}
	return v == "true"
}

// integer returns an integer parameter within bounds.
func (q *query) integer(name string, standard, low, high int64) int64 {
	if !q.has(name) {
		return standard
	}
	n, err := strconv.ParseInt(q.text(name), 10, 64)
	if err != nil || n < low || n > high {
		q.fail(name)
	}
	return n
}

// list returns an array parameter in any of its three forms: a repeated key, empty
// brackets, or indexes. One bare value could be a scalar and is refused; one bare
// empty value is null, which is no list.
func (q *query) list(name string) []string {
	bare := q.values[name]
	switch {
	case len(bare) == 1 && bare[0] == "":
		bare = nil
	case len(bare) == 1:
		q.fail(name)
	}
	list := slices.Concat(bare, q.values[name+"[]"])
	indexed := map[int][]string{}
	for key, values := range q.values {
		index, ok := strings.CutPrefix(key, name+"[")
		index, closed := strings.CutSuffix(index, "]")
		if n, err := strconv.Atoi(index); ok && closed && err == nil && n >= 0 {
			indexed[n] = values
		}
	}
	for _, n := range slices.Sorted(maps.Keys(indexed)) {
		list = append(list, indexed[n]...)
	}
	return list
}

// idList is list for Inbox IDs.
func (q *query) idList(name string) []string {
	list := q.list(name)
	for _, id := range list {
		if !idPattern.MatchString(id) {
			q.fail(name)
		}
	}
	return list
}

// cursor is where the page before ended; the next begins after it.
type cursor struct {
	id string
	at time.Time
}

// cursor returns the cursor in its flat or its older object form, nil if there is
// none. Half a cursor and a mixture of both forms are mistakes.
func (q *query) cursor() *cursor {
	flat := q.has("cursorId") || q.has("cursorTimestamp")
	object := q.has("cursor[id]") || q.has("cursor[timestamp]")
	id, at := "cursorId", "cursorTimestamp"
	switch {
	case flat && object:
		q.err = badRequest("cursorId and cursor cannot be combined")
		return nil
	case object:
		id, at = "cursor[id]", "cursor[timestamp]"
	case !flat:
		return nil
	}
	if q.has(id) != q.has(at) {
		q.err = badRequest("%s and %s must be used together", id, at)
		return nil
	}
	t, err := time.Parse(time.RFC3339, q.text(at))
	if err != nil {
		q.fail(at)
	}
	return &cursor{id: q.id(id), at: t}
}
