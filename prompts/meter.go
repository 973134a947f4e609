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
}

// ticks is what count has templates write: only its address and length mean
// something, and no other text of a template shares the address.
var ticks = make([]byte, 64<<10)

func (m *meter) Write(p []byte) (int, error) {
	if len(p) > 0 && &p[0] == &ticks[0] {
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

// count puts a tick before every action of list, as long as the action is.
func count(list *parse.ListNode) {
	if list == nil {
		return
	}
	nodes := []parse.Node{tick(1)}
	for _, n := range list.Nodes {
		if pipe, bodies := parts(n); pipe != nil {
			nodes = append(nodes, tick(len(pipe.String())))
			for _, b := range bodies {
				count(b)
			}
		}
		nodes = append(nodes, n)
	}
	list.Nodes = nodes
}

func tick(work int) parse.Node {
	return &parse.TextNode{NodeType: parse.NodeText, Text: ticks[:min(max(work, 1), len(ticks))]}
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
