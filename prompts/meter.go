package prompts

import (
	"errors"
	"strings"
	"text/template/parse"
)

// maxWork bounds how much template source is executed for one text, in bytes,
// loops counted as often as they run. The shipped template takes less than 1,000.
// The shortest loop gets there in 0.1 s on a slow machine.
const maxWork = 1 << 20

var errTooMuch = errors.New("it does not come to an end: is there a loop over a large number?")

// meter collects what a template writes and ends it when it has written or done
// too much. text/template has no bounds of its own, but it stops at the first
// error of its writer, and count makes it write before everything it does.
type meter struct {
	text  strings.Builder
	bytes int // left
	work  int // left
	last  int // the number of the place that is being executed
}

// ticks is what count has templates write: only where it is cut and the length
// mean something, and no other text of a template shares its memory.
var ticks = make([]byte, maxPlaces+64<<10)

// maxPlaces is how many places of a set can be told apart; the others pass for
// the last.
const maxPlaces = 64 << 10

// site is where in a file an action stands.
type site struct {
	file   string
	offset int
}

// stuck is an error about what a template was doing.
type stuck struct {
	site
	error
}

func (e *stuck) Unwrap() error { return e.error }

func (m *meter) Write(p []byte) (int, error) {
	// How much of ticks is behind p tells where it was cut.
	if at := len(ticks) - cap(p); len(p) > 0 && at >= 0 && at <= maxPlaces && &p[0] == &ticks[at] {
		m.last = at
		if m.work -= len(p); m.work < 0 {
			return 0, errTooMuch
		}
		return len(p), nil
	}
	if m.bytes -= len(p); m.bytes < 0 {
		return 0, ErrOverBudget
	}
	return m.text.Write(p)
}

// sites numbers the actions of a set, so that the meter can tell which was the
// last.
type sites []site

// count puts a tick before every action of list, as long as the action is. owner
// is where list belongs.
func (s *sites) count(list *parse.ListNode, owner site) {
	if list == nil {
		return
	}
	nodes := []parse.Node{s.tick(1, owner)}
	for _, n := range list.Nodes {
		if pipe, bodies := parts(n); pipe != nil {
			at := site{owner.file, int(n.Position())}
			nodes = append(nodes, s.tick(len(pipe.String()), at))
			for _, b := range bodies {
				s.count(b, at)
			}
		}
		nodes = append(nodes, n)
	}
	list.Nodes = nodes
}

func (s *sites) tick(work int, at site) parse.Node {
	if len(*s) < maxPlaces {
		*s = append(*s, at)
	}
	n := len(*s) - 1
	return &parse.TextNode{NodeType: parse.NodeText, Text: ticks[n : n+min(max(work, 1), 64<<10)]}
}

// parts returns what a node evaluates and what it may execute then.
func parts(n parse.Node) (*parse.PipeNode, []*parse.ListNode) {
	switch n := n.(type) {
	case *parse.ActionNode:
		return n.Pipe, nil
	case *parse.TemplateNode:
		return n.Pipe, nil
	case *parse.IfNode:
		return n.Pipe, []*parse.ListNode{n.List, n.ElseList}
	case *parse.WithNode:
		return n.Pipe, []*parse.ListNode{n.List, n.ElseList}
	case *parse.RangeNode:
		return n.Pipe, []*parse.ListNode{n.List, n.ElseList}
	}
	return nil, nil
}
