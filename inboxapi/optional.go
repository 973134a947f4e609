package inboxapi

import "encoding/json"

// Optional is a field of an update: absent, which leaves what is there, a value
// (Set), or null (Clear). The zero value is absent.
type Optional[T any] struct {
	set   bool
	value *T // nil: null
}

// Set makes the field v.
func Set[T any](v T) Optional[T] { return Optional[T]{set: true, value: &v} }

// Clear makes the field null.
func Clear[T any]() Optional[T] { return Optional[T]{set: true} }

// Get returns the value, nil for null, and whether the field is there at all.
func (o Optional[T]) Get() (v *T, ok bool) { return o.value, o.set }

// IsZero reports whether o is absent; the JSON option omitzero asks it.
func (o Optional[T]) IsZero() bool { return !o.set }

// MarshalJSON encodes the value or null.
func (o Optional[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.value) }
