package bot_test

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
)

// search is what a breadth-first walk over every reachable world of a machine
// found.
type search struct {
	m       *machine
	worlds  []world // in the order they were found
	parents []int32 // where each was found from
	index   []int32 // open addressing over worlds, by hash; 0 is empty, else place+1
	seed    maphash.Seed

	// Healthy steps only, for liveness: those of world i are
	// healthy[first[i]:first[i+1]].
	first   []int32
	healthy []int32
}

// finding is the verdict on a machine.
type finding struct {
	verdict string
	worlds  int // searched until the verdict was clear
	depth   int // steps to the worst world, or to the world furthest away
	trace   string
}

// explore searches m until a world is broken or there is nothing new, and then
// for a world from which no healthy steps lead to a handled one.
//
// Live means: from every reachable world, a handled one can be reached by steps
// that are not faults (AG EF). The faults are over, that is, but the bot is not
// assumed to be scheduled fairly, nor time to pass: it is enough that it can.
func explore(m *machine) finding {
	s := &search{m: m, index: make([]int32, 1<<12), seed: maphash.MakeSeed()}
	s.add(newWorld(), -1)
	var edges []edge
	for i := 0; i < len(s.worlds); i++ {
		s.first = append(s.first, int32(len(s.healthy)))
		w := s.worlds[i]
		edges = m.next(&w, edges[:0])
		for k := range edges {
			to, isNew := s.add(edges[k].to.canonical(), int32(i))
			if isNew {
				if broken := m.broken(&s.worlds[to]); broken != "" {
					return s.finding(broken, to)
				}
			}
			if !edges[k].fault && to != int32(i) {
				s.healthy = append(s.healthy, to)
			}
		}
	}
	s.first = append(s.first, int32(len(s.healthy)))
	if lost := s.lost(); lost >= 0 {
		return s.finding(lostThread, lost)
	}
	last := int32(len(s.worlds) - 1)
	return finding{verdict: safeAndLive, worlds: len(s.worlds), depth: len(s.path(last)) - 1}
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
	return int32(len(s.worlds) - 1), true
}

// slot is where w is in the index, or belongs.
func (s *search) slot(w *world) int {
	mask := len(s.index) - 1
	slot := int(maphash.Comparable(s.seed, *w)) & mask
	for s.index[slot] != 0 && s.worlds[s.index[slot]-1] != *w {
		slot = (slot + 1) & mask
	}
	return slot
}

func (s *search) grow() {
	s.index = make([]int32, 2*len(s.index))
	for i := range s.worlds {
		s.index[s.slot(&s.worlds[i])] = int32(i + 1)
	}
}

// lost returns the first world from which no healthy path leads to a handled one,
// or -1. Worlds found late mostly lead to worlds found later still, so walking
// backwards settles almost all of them in the first round.
func (s *search) lost() int32 {
	reaches := make([]bool, len(s.worlds))
	for i := range s.worlds {
		reaches[i] = s.m.handled(&s.worlds[i])
	}
	for changed := true; changed; {
		changed = false
		for i := len(s.worlds) - 1; i >= 0; i-- {
			if reaches[i] {
				continue
			}
			for _, to := range s.healthy[s.first[i]:s.first[i+1]] {
				if reaches[to] {
					reaches[i], changed = true, true
					break
				}
			}
		}
	}
	return int32(slices.Index(reaches, false))
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

// story tells a path step by step. Worlds are kept with the workers in canonical
// order; here they keep the names they started with.
func (s *search) story(path []int32) string {
	var b strings.Builder
	w := newWorld()
	fmt.Fprintf(&b, "      the prospect writes M1%*s%s\n", 42, "", &w)
	for n, place := range path[1:] {
		edges := s.m.next(&w, nil)
		k := slices.IndexFunc(edges, func(e edge) bool { return e.to.canonical() == s.worlds[place] })
		if k < 0 {
			return b.String() + "the path cannot be walked again\n" // unreachable: canonical worlds have canonical successors
		}
		e := edges[k]
		what := e.what
		if e.who != nobody {
			what = workerName(e.who) + " " + what
		}
		if e.fault {
			what += " (!)"
		}
		w = e.to
		fmt.Fprintf(&b, "%4d  %-64s%s\n", n+1, what, &w)
	}
	return b.String()
}
