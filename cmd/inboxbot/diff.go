package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"

	"inboxbot/bot/redisstore"
	"inboxbot/cmd/inboxbot/console"
)

type diffCmd struct {
	From string `arg:"" optional:"" help:"Generation, or a directory as publish takes it."`
	To   string `arg:"" optional:"" help:"The same; not given: what is in force against FROM."`
}

// Run prints what changed between two generations, or would with a directory:
//
//	diff            what the generation in force changed
//	diff DIR        what publishing DIR would change
//	diff HASH       what changed from HASH to the one in force
//	diff A B        what changed from A to B, each a HASH or a DIR
func (c *diffCmd) Run(ctx context.Context, p *process) error {
	cfg, store, err := openTeamStore(ctx, p)
	if err != nil {
		return err
	}
	defer store.Close()
	history, err := store.History(ctx)
	if err != nil {
		return err
	}
	d := differ{cfg, store, history}
	from, to, err := d.sides(ctx, c.From, c.To)
	if err != nil {
		return err
	}
	return printDiff(p.stdout, from, to)
}

// side is one of two that are compared.
type side struct {
	name  string
	texts map[string]string
}

// differ finds what the arguments of diff mean.
type differ struct {
	cfg     Config
	store   *redisstore.Store
	history []redisstore.Published
}

func (d *differ) sides(ctx context.Context, from, to string) (a, b side, err error) {
	if len(d.history) == 0 && (to == "" || from == "") {
		return a, b, errors.New("nothing is published yet, so there is nothing to compare with")
	}
	switch {
	case from == "":
		to = d.history[0].Hash
		i := slices.IndexFunc(d.history, func(g redisstore.Published) bool { return g.Hash != to })
		if i < 0 {
			return a, b, fmt.Errorf("generation %s is the first one: there is none before it to compare with", to)
		}
		from = d.history[i].Hash
	case to == "" && isDir(from):
		from, to = d.history[0].Hash, from
	case to == "":
		to = d.history[0].Hash
	}
	a, err = d.side(ctx, from)
	if err == nil {
		b, err = d.side(ctx, to)
	}
	return a, b, err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// side reads a generation or a directory. An argument that is both is refused.
func (d *differ) side(ctx context.Context, arg string) (side, error) {
	g, err := findGeneration(d.history, arg)
	switch {
	case isDir(arg) && err == nil:
		return side{}, fmt.Errorf("%s is a generation and a directory: write ./%s for the directory, or more of the hash", arg, arg)
	case isDir(arg):
		return d.directory(arg)
	case err != nil:
		return side{}, fmt.Errorf("%w; nor is it a directory", err)
	}
	texts, err := d.store.Files(ctx, g.Hash)
	if err != nil {
		return side{}, fmt.Errorf("generation %s: %w", g.Hash, err)
	}
	return side{g.Hash, texts}, nil
}

func (d *differ) directory(dir string) (side, error) {
	src, err := authored(d.cfg, dir)
	if err != nil {
		return side{}, err
	}
	texts, err := src.texts()
	return side{dir, texts}, err
}

// printDiff prints the change of every file that differs, as diff -u does. What a
// terminal would not show, or obey, is written as an escape.
func printDiff(w io.Writer, from, to side) error {
	all := maps.Clone(from.texts)
	maps.Copy(all, to.texts)
	same := true
	for _, name := range slices.Sorted(maps.Keys(all)) {
		old, had := from.texts[name]
		now, has := to.texts[name]
		if had == has && old == now {
			continue
		}
		same = false
		// An empty file that comes or goes has no lines to show.
		text := fmt.Sprintf("--- %s\n+++ %s\n%s", label(from.name, name, had), label(to.name, name, has), console.Hunks(old, now))
		if _, err := io.WriteString(w, plain(text)); err != nil {
			return err
		}
	}
	if same {
		_, err := fmt.Fprintf(w, "no difference between %s and %s\n", plain(from.name), plain(to.name))
		return err
	}
	return nil
}

func label(side, file string, there bool) string {
	if !there {
		return "/dev/null"
	}
	return side + "/" + file
}

// plain is text whose every character is seen: what moves a cursor, hides, or turns
// the direction of writing is escaped, as is a line's carriage return.
func plain(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n', r == '\t', unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "\\u{%04x}", r)
		}
	}
	return b.String()
}
