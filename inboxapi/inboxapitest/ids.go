package inboxapitest

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// idPattern is what the API's document demands of every Inbox ID.
var idPattern = regexp.MustCompile(`^[0-9a-z]+$`)

// newID returns an Inbox ID as the API makes them: 24 lowercase letters and
// digits, beginning with a letter, in no order.
func (s *Server) newID() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	var id [24]byte
	id[0] = alphabet[s.ids.IntN(26)]
	for i := 1; i < len(id); i++ {
		id[i] = alphabet[s.ids.IntN(len(alphabet))]
	}
	return string(id[:])
}

// newPlatformID returns an ID as X makes them: 19 digits, ascending with gaps.
func (s *Server) newPlatformID() string {
	s.lastID += 1 + s.ids.Uint64N(1<<20)
	return strconv.FormatUint(s.lastID, 10)
}

// conversationID is X's ID of the conversation of two users: both IDs, the
// numerically smaller first.
func conversationID(a, b string) string {
	if cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) > 0 {
		a, b = b, a
	}
	return a + ":" + b
}
