package bot_test

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
)

// A search is one goroutine's: the race detector has nothing to find in it, and
// would make it ten times slower. Its innermost functions are therefore marked
// norace.

// edge is one step and the world after it.
type edge struct {
	who   uint8 // the worker, or nobody
	what  string
	fault bool
	to    world
}

// next appends to out every step that w allows.
//
//go:norace
func (m *machine) next(w *world, out []edge) []edge {
	keep := func(happens bool) {
		if !happens {
			out = out[:len(out)-1]
		}
	}
	after := func(who uint8, what string, fault bool) *world {
		out = append(out, edge{who, what, fault, *w})
		return &out[len(out)-1].to
	}
	for k := range worldSteps {
		s := &worldSteps[k]
		if !s.in(m) {
			continue
		}
		keep(s.do(m, after(nobody, s.what, s.fault)))
	}
	full, oldest := w.size, m.shortest(w)
	for i := range uint8(len(w.workers)) {
		for k := range workerSteps[w.workers[i].at] {
			s := &workerSteps[w.workers[i].at][k]
			first := full
			if s.reads {
				first = oldest
			}
			for view := first; view <= full; view++ {
				keep(s.do(m, after(i, s.what, s.fault || view < full), i, view))
			}
		}
		if w.workers[i].at != atIdle {
			m.kill(after(i, "is killed", true), i)
		}
	}
	return out
}

// search is a breadth-first walk over every world that a machine can reach.
type search struct {
	m       *machine
	full    bool    // walk every world, those that differ in nothing that matters too
	worlds  []world // in the order they were found
	parents []int32 // where each was found from
	index   []int32 // worlds by hash, open addressing; place+1, 0 is empty
	seed    maphash.Seed

	// The steps of world i that are no faults lead to healthy[first[i]:first[i+1]].
	first   []int32
	healthy []int32

	taken   map[string]bool // what has happened
	reached [len(recStates)]bool
}

// finding is the verdict on a machine.
type finding struct {
	verdict string
	worlds  int    // that were walked until the verdict was clear
	depth   int    // steps to the bad world; when there is none, to the furthest
	story   string // the steps to the bad world
}

func (m *machine) search() *search {
	return &search{m: m, index: make([]int32, 1<<12), seed: maphash.MakeSeed(), taken: map[string]bool{}}
}

// run walks until a world is broken or nothing new is left, and then looks for a
// world from which no thread can be saved.
//
// Live means: from every reachable world a handled one can be reached by steps
// that are no faults (AG EF). The faults are over, then, and the bot can do what
// is needed; that it will is a matter of its scheduling, which is not modelled.
//
//go:norace
func (s *search) run() finding {
	s.add(newWorld(), -1)
	var edges []edge
	for i := int32(0); int(i) < len(s.worlds); i++ {
		s.first = append(s.first, int32(len(s.healthy)))
		w := s.worlds[i]
		edges = s.m.next(&w, edges[:0])
		for k := range edges {
			e := &edges[k]
			if !s.taken[e.what] {
				s.taken[e.what] = true
			}
			to, isNew := s.add(s.reduced(&e.to), i)
			if isNew {
				if broken := e.to.broken(); broken != "" {
					return s.finding(broken, to)
				}
			}
			if !e.fault && to != i {
				s.healthy = append(s.healthy, to)
			}
		}
	}
	s.first = append(s.first, int32(len(s.healthy)))
	for _, end := range []struct {
		missed string
		in     func(*machine, *world) bool
	}{{lostThread, (*machine).handled}, {deadDraft, (*machine).settled}} {
		if hopeless := s.hopeless(end.in); hopeless >= 0 {
			return s.finding(end.missed, hopeless)
		}
	}
	depth := len(s.path(int32(len(s.worlds)-1))) - 1
	return finding{verdict: safeAndLive, worlds: len(s.worlds), depth: depth}
}

// reduced is the one world that stands for all that behave like w.
func (s *search) reduced(w *world) world {
	if s.full {
		return *w
	}
	s.m.forget(w)
	return w.canonical()
}

// add returns the place of w, found from parent, and whether it is new.
func (s *search) add(w world, parent int32) (place int32, isNew bool) {
	if 4*len(s.worlds) >= 3*len(s.index) {
		s.grow()
	}
	slot := s.slot(&w)
	if at := s.index[slot]; at != 0 {
		return at - 1, false
	}
	s.worlds = append(s.worlds, w)
	s.parents = append(s.parents, parent)
	s.index[slot] = int32(len(s.worlds))
	s.reached[w.rec.state] = true
	return int32(len(s.worlds) - 1), true
}

// slot is where w is in the index, or belongs.
//
//go:norace
func (s *search) slot(w *world) int {
	mask := len(s.index) - 1
	slot := int(maphash.Comparable(s.seed, *w)) & mask
	for s.index[slot] != 0 && s.worlds[s.index[slot]-1] != *w {
		slot = (slot + 1) & mask
	}
	return slot
}

// grow doubles the index, and makes room for as many worlds as it can take.
func (s *search) grow() {
	s.index = make([]int32, 2*len(s.index))
	room := len(s.index)*3/4 + 1
	s.worlds = slices.Grow(s.worlds, room-len(s.worlds))
	s.parents = slices.Grow(s.parents, room-len(s.parents))
	for i := range s.worlds {
		s.index[s.slot(&s.worlds[i])] = int32(i + 1)
	}
}

// hopeless is the first world from which no healthy steps lead to one that is in
// the set, or -1. Most steps lead to worlds found later, so that going backwards settles
// almost all of them in the first round.
//
//go:norace
func (s *search) hopeless(in func(*machine, *world) bool) int32 {
	saved := make([]bool, len(s.worlds))
	for i := range s.worlds {
		saved[i] = in(s.m, &s.worlds[i])
	}
	for changed := true; changed; {
		changed = false
		for i := len(s.worlds) - 1; i >= 0; i-- {
			next := s.healthy[s.first[i]:s.first[i+1]]
			if !saved[i] && slices.ContainsFunc(next, func(to int32) bool { return saved[to] }) {
				saved[i], changed = true, true
			}
		}
	}
	return int32(slices.Index(saved, false))
}

// path is the places on the way from the start to a world.
func (s *search) path(to int32) []int32 {
	var places []int32
	for ; to >= 0; to = s.parents[to] {
		places = append(places, to)
	}
	slices.Reverse(places)
	return places
}

func (s *search) finding(verdict string, at int32) finding {
	path := s.path(at)
	return finding{verdict, len(s.worlds), len(path) - 1, s.story(path)}
}

// story tells a path step by step. The worlds on it may be mirror images; the
// workers of the story keep the names they started with.
func (s *search) story(path []int32) string {
	var b strings.Builder
	w := newWorld()
	line := func(n int, what string) { fmt.Fprintf(&b, "%4d  %-66s %s\n", n, what, &w) }
	line(0, "the prospect writes M1")
	for n, place := range path[1:] {
		edges := s.m.next(&w, nil)
		k := slices.IndexFunc(edges, func(e edge) bool { return s.reduced(&e.to) == s.worlds[place] })
		if k < 0 {
			return b.String() + brokenStory // unreachable: what stands for a world behaves like it
		}
		w = edges[k].to
		if !s.full {
			s.m.forget(&w)
		}
		what := edges[k].what
		if who := edges[k].who; who != nobody {
			what = workerNames[who] + " " + what
		}
		if edges[k].fault {
			what += " (!)"
		}
		line(n+1, what)
	}
	return b.String()
}

const brokenStory = "      and here the story breaks off: the next world cannot be reached\n"
