package inboxapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// MalformedRow is a row of a list that could not be decoded, or has no ID.
type MalformedRow struct {
	ID  string // "" when not even that could be read
	Err error  // matches ErrMalformed
}

// malformed is an ErrMalformed that says why. What went wrong is quoted from
// data of others, so it is made one short line.
func malformed(why string) error {
	return fmt.Errorf("%w: %s", ErrMalformed, oneLine(why, "", 200))
}

// decode reads a 2xx body into v, which must be a pointer.
func decode(body []byte, v any) error {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return malformed("empty body")
	case isHTML(body):
		return malformed("HTML instead of JSON")
	}
	if err := unmarshal(body, v); err != nil {
		return malformed(err.Error())
	}
	return nil
}

// unmarshal is json.Unmarshal, but takes numbers for IDs that should be strings.
func unmarshal(raw []byte, v any) error {
	err := json.Unmarshal(raw, v)
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok || !strings.HasPrefix(wrong.Value, "number") {
		return err
	}
	quoted, ok := quoteIDs(raw)
	if !ok || json.Unmarshal(quoted, v) != nil {
		return err
	}
	return nil
}

// quoteIDs returns raw with every number in a field whose name ends in "id" made
// a string, digit by digit. Only X's own documentId really is a number.
func quoteIDs(raw []byte) ([]byte, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // an X ID does not fit a float64
	var tree any
	if dec.Decode(&tree) != nil {
		return nil, false
	}
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, item := range node {
				walk(item)
			}
		case map[string]any:
			for name, item := range node {
				n, isNumber := item.(json.Number)
				if isNumber && strings.HasSuffix(strings.ToLower(name), "id") && name != "documentId" {
					node[name] = n.String()
				}
				walk(item)
			}
		}
	}
	walk(tree)
	quoted, err := json.Marshal(tree)
	return quoted, err == nil
}

// decodeRows reads a list of T. Rows that do not decode, or have no ID, come
// back apart. An absent list (raw is nil) is malformed, null is an empty one.
func decodeRows[T any](raw json.RawMessage, id func(*T) string) ([]T, []MalformedRow, error) {
	if raw == nil {
		return nil, nil, malformed("the list is missing")
	}
	var rows []T
	if json.Unmarshal(raw, &rows) == nil && all(rows, id) {
		return rows, nil, nil
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(raw, &raws); err != nil {
		return nil, nil, malformed(err.Error())
	}
	var bad []MalformedRow
	rows = make([]T, 0, len(raws))
	for _, raw := range raws {
		var row T
		err := unmarshal(raw, &row)
		switch {
		case err != nil:
			bad = append(bad, MalformedRow{rowID(raw), malformed(err.Error())})
		case id(&row) == "":
			bad = append(bad, MalformedRow{"", malformed("row without an ID")})
		default:
			rows = append(rows, row)
		}
	}
	return rows, bad, nil
}

func all[T any](rows []T, id func(*T) string) bool {
	for i := range rows {
		if id(&rows[i]) == "" {
			return false
		}
	}
	return true
}

// rowID is the ID of a row whose other fields are beyond reading.
func rowID(raw json.RawMessage) string {
	var row struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(raw, &row) != nil {
		return ""
	}
	return text(row.ID)
}

// decodeOne reads one object of T, which must have an ID.
func decodeOne[T any](k call, res *response, id func(*T) string) (*T, error) {
	var v T
	if err := decode(res.body, &v); err != nil {
		return nil, fmt.Errorf("%s: %w", k, err)
	}
	if id(&v) == "" {
		return nil, fmt.Errorf("%s: %w", k, malformed("object without an ID"))
	}
	return &v, nil
}

// decodeFlat reads a list that is not paged. With broken rows it returns the
// others and an error.
func decodeFlat[T any](k call, res *response, id func(*T) string) ([]T, error) {
	var raw json.RawMessage
	if err := decode(res.body, &raw); err != nil {
		return nil, fmt.Errorf("%s: %w", k, err)
	}
	rows, bad, err := decodeRows(raw, id)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", k, err)
	case len(bad) > 0:
		return rows, fmt.Errorf("%s: %d of %d rows, the first with ID %.40q: %w",
			k, len(bad), len(bad)+len(rows), bad[0].ID, bad[0].Err)
	}
	return rows, nil
}
