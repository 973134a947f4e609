package prompts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"inboxbot/bot"
)

// ErrNothingToAnswer says that no message of the prospect waits for us, so there
// is nothing a prompt could end with.
var ErrNothingToAnswer = errors.New("no message waits for an answer")

// Markers are lines in square brackets that we write into the transcript. defuse
// takes the brackets from text that imitates them.
const (
	emptyMark = "[empty message]"
	firstMark = "[we wrote first]"
	olderMark = "[earlier messages left out]"

	markerRoom = 16 // tokens, more than any marker that is put first costs
	minTurn    = 48 // tokens below which a waiting message is not cut any further
	maxKinds   = 8  // kinds of media named per message
)

// line is a turn as the model will read it.
type line struct {
	role bot.Role
	text string
	cost int // tokens, the message's frame included
}

func newLine(t bot.Turn, limit int) line {
	l := line{role: bot.RoleUser, text: cut(say(t), max(limit-perMessage, 1))}
	if t.Side == bot.SideOurs {
		l.role = bot.RoleAssistant
	}
	l.cost = estimate(l.text) + perMessage
	return l
}

// say puts a turn into words: what was written, then what came with it.
func say(t bot.Turn) string {
	words := strings.TrimSpace(defuse(clean(t.Text)))
	switch media := mediaMark(t.Media); {
	case media == "" && words == "":
		return emptyMark
	case media == "":
		return words
	case words == "":
		return media
	default:
		return words + "\n" + media
	}
}

// mediaMark names media, "[media: image, video]". The kinds are the API's words,
// reduced to letters, digits and dashes.
func mediaMark(kinds []string) string {
	if len(kinds) == 0 {
		return ""
	}
	var names []string
	for _, k := range kinds[:min(len(kinds), maxKinds)] {
		k = strings.Map(func(r rune) rune {
			if r == '-' || r == '_' || r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				return unicode.ToLower(r)
			}
			return -1
		}, k)
		if k == "" {
			k = "file"
		}
		names = append(names, k[:min(len(k), 24)])
	}
	if more := len(kinds) - maxKinds; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return "[media: " + strings.Join(names, ", ") + "]"
}

// transcript renders the turns of c into at most room tokens. What waits for an
// answer comes last and is kept as far as it fits, long messages cut in the
// middle; the rest of the room goes to what came before, newest first. It
// returns how many turns were left out.
//
// Models, and the chat templates of local ones, want a user message first and
// last and the roles taking turns: messages that follow each other on one side
// become one, and a marker opens a transcript that we began.
func transcript(c *bot.Conversation, room int) ([]bot.ChatMessage, int, error) {
	earlier, waiting := split(c)
	if len(waiting) == 0 {
		return nil, 0, ErrNothingToAnswer
	}
	room -= markerRoom
	lines := fit(waiting, room)
	if len(lines) == len(waiting) {
		for _, l := range lines {
			room -= l.cost
		}
		lines = slices.Concat(newest(earlier, room), lines)
	}
	dropped := len(earlier) + len(waiting) - len(lines)
	return chat(opening(c, dropped, lines), lines), dropped, nil
}

// split parts the turns of c into those that wait for an answer and those before
// them. A reply of ours that was overtaken by a newer message answered an earlier
// one, so it belongs before what waits. Turns whose author is not known are in
// neither: they can be ascribed to nobody.
func split(c *bot.Conversation) (earlier, waiting []bot.Turn) {
	left := len(c.Unanswered()) // these are the newest inbound turns
	for _, t := range slices.Backward(c.Turns) {
		switch {
		case t.Side == bot.SideProspect && left > 0:
			left--
			waiting = append(waiting, t)
		case t.Side == bot.SideProspect, t.Side == bot.SideOurs:
			earlier = append(earlier, t)
		}
	}
	slices.Reverse(earlier)
	slices.Reverse(waiting)
	return earlier, waiting
}

// fit renders turns into room: all of them, the longest cut to what the others
// leave. When that would be less than minTurn, only the newest of them.
func fit(turns []bot.Turn, room int) []line {
	var lines []line
	var costs []int
	least := 0 // what lines take when all that can be is cut
	for _, t := range slices.Backward(turns) {
		l := newLine(t, room)
		if least += min(l.cost, minTurn); least > room && len(lines) > 0 {
			break
		}
		lines = append(lines, l)
		costs = append(costs, l.cost)
	}
	slices.Reverse(lines)
	limit := share(costs, room)
	for i, t := range turns[len(turns)-len(lines):] {
		if lines[i].cost > limit {
			lines[i] = newLine(t, limit)
		}
	}
	return lines
}

// share returns the highest limit for which costs, none above the limit, add up
// to at most room.
func share(costs []int, room int) int {
	costs = slices.Sorted(slices.Values(costs))
	for i, c := range costs {
		if each := room / (len(costs) - i); c > each {
			return each
		}
		room -= c
	}
	return max(0, slices.Max(costs))
}

// newest renders the newest of turns that fit into room, without a gap. None
// takes more than a quarter of it, so that one long message does not cost all the
// others.
func newest(turns []bot.Turn, room int) []line {
	var lines []line
	limit := max(room/4, minTurn)
	for _, t := range slices.Backward(turns) {
		l := newLine(t, limit)
		if room -= l.cost; room < 0 {
			break
		}
		lines = append(lines, l)
	}
	slices.Reverse(lines)
	return lines
}

// opening is the marker that goes before lines, or "".
func opening(c *bot.Conversation, dropped int, lines []line) string {
	switch {
	case c.More:
		return olderMark // nobody has counted how many
	case dropped == 1:
		return "[1 earlier message left out]"
	case dropped > 1:
		return fmt.Sprintf("[%d earlier messages left out]", dropped)
	case lines[0].role == bot.RoleAssistant:
		return firstMark
	}
	return ""
}

func chat(opening string, lines []line) []bot.ChatMessage {
	var out []bot.ChatMessage
	if opening != "" {
		out = append(out, bot.ChatMessage{Role: bot.RoleUser, Text: opening})
	}
	for i := 0; i < len(lines); {
		role := lines[i].role
		var texts []string
		for ; i < len(lines) && lines[i].role == role; i++ {
			texts = append(texts, lines[i].text)
		}
		text := strings.Join(texts, "\n")
		if n := len(out); n > 0 && out[n-1].Role == role {
			out[n-1].Text += "\n" + text
			continue
		}
		out = append(out, bot.ChatMessage{Role: role, Text: text})
	}
	return out
}
