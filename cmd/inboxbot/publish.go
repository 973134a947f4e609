package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"inboxbot/bot/redisstore"
)

// signature is who puts a generation in force and why.
type signature struct {
	By      string `help:"Who publishes; the user of this machine when not given."`
	Message string `short:"m" help:"Why, for the team."`
}

// on returns an entry of the history in the making.
func (s signature) on(hash string) redisstore.Published {
	by := clip(s.By, 60)
	if by == "" {
		by = operator()
	}
	return redisstore.Published{Hash: hash, By: by, Message: clip(s.Message, 200)}
}

type publishCmd struct {
	signature
	Dir    string `arg:"" optional:"" help:"Directory with rules.yaml and templates, these in it or in its prompts; not given: the working directory, or what BOT_RULES and BOT_PROMPTS name."`
	Expect string `help:"Refuse unless the generation in force is this one; none: unless there is none." placeholder:"HASH"`
}

// Run checks rules and prompts as run does, with this machine's variables, and
// puts them in force for every process with BOT_SOURCE=redis.
func (c *publishCmd) Run(ctx context.Context, p *process) error {
	expected, err := expectation(c.Expect)
	if err != nil {
		return err
	}
	cfg, err := readConfig(ctx, p.environ, needInbox)
	src, srcErr := authored(cfg, c.Dir)
	gen := loaded{}
	if srcErr == nil {
		gen, srcErr = src.load(cfg)
	}
	if err := joinConfig(err, srcErr); err != nil {
		return err
	}
	texts, err := src.texts()
	if err != nil {
		return err
	}
	store, err := openRedis(ctx, cfg, "", "")
	if err != nil {
		return err
	}
	defer store.Close()
	before, err := store.Publish(ctx, c.on(gen.Hash), texts, expected)
	switch {
	case errors.Is(err, redisstore.ErrInForce):
		fmt.Fprintf(p.stdout, "nothing to do: generation %s is in force already\n", gen.Hash)
		return nil
	case errors.Is(err, redisstore.ErrOvertaken):
		return fmt.Errorf("not published: %s, not %s as --expect says: see what it changed with inboxbot diff, then publish with --expect %s",
			inForceNow(before), c.Expect, cmp.Or(before, noGeneration))
	case err != nil:
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "published: generation %s is in force, %s (%s and %d files of prompts, %d KB)\n",
		gen.Hash, insteadOf(before), rulesFile, len(texts)-1, (sizeOf(texts)+1023)>>10)
	return err
}

var hashArg = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

// expectation reads --expect as the store takes it.
func expectation(arg string) (string, error) {
	switch {
	case arg == "":
		return redisstore.Any, nil
	case arg == noGeneration:
		return "", nil
	case hashArg.MatchString(arg):
		return arg, nil
	}
	return "", newConfigError([]string{fmt.Sprintf("--expect: %q is not the hash of a generation: write one of inboxbot generations, in full, or none", arg)})
}

// noGeneration stands for the hash of none.
const noGeneration = "none"

func inForceNow(hash string) string {
	if hash == "" {
		return "no generation is in force"
	}
	return "generation " + hash + " is in force"
}

func insteadOf(hash string) string {
	if hash == "" {
		return "the first one"
	}
	return "instead of " + hash
}

func sizeOf(texts map[string]string) int {
	n := 0
	for _, text := range texts {
		n += len(text)
	}
	return n
}

// authored reads the rules and prompts that a person wrote into dir. dir "" is the
// working directory or, when it holds neither, what the variables name.
func authored(cfg Config, dir string) (source, error) {
	rules, prompts, err := layout(cmp.Or(dir, "."))
	if err != nil {
		return source{}, err
	}
	switch {
	case rules == "" && prompts == "" && dir == "" && cfg.RulesFile+cfg.PromptsDir != "":
		return configured(cfg)
	case rules == "" && prompts == "":
		return source{}, fmt.Errorf("%s: holds neither %s nor templates: name a directory that holds both", cmp.Or(dir, "."), rulesFile)
	case rules == "":
		return source{}, fmt.Errorf("%s: there are templates and no %s beside them: a generation has both", prompts, rulesFile)
	case prompts == "":
		return source{}, fmt.Errorf("%s: there are no templates (*.tmpl) in its directory nor in prompts there: a generation has both", rules)
	}
	cfg.RulesFile, cfg.PromptsDir = rules, prompts
	return configured(cfg)
}

// layout finds the rule file and the templates of a directory, "" what is not
// there. Templates are in it or in prompts below it; both would be a guess.
func layout(dir string) (rules, prompts string, err error) {
	if info, err := os.Stat(dir); err != nil {
		return "", "", fmt.Errorf("%s: %w", dir, withoutPath(err))
	} else if !info.IsDir() {
		return "", "", fmt.Errorf("%s: not a directory: name the one that holds %s", dir, rulesFile)
	}
	if path := filepath.Join(dir, rulesFile); exists(path) {
		rules = path
	}
	here, below := holdsTemplates(dir), holdsTemplates(filepath.Join(dir, "prompts"))
	switch {
	case here && below:
		return "", "", fmt.Errorf("%s: both it and its prompts hold templates: keep them in one place", dir)
	case here:
		prompts = dir
	case below:
		prompts = filepath.Join(dir, "prompts")
	}
	return rules, prompts, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// holdsTemplates reports whether a directory's templates are of some set. One that
// cannot be read holds none; who reads the set says what is missing.
func holdsTemplates(dir string) bool {
	entries, _ := os.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return isPrompt(e.Name()) && filepath.Ext(e.Name()) == ".tmpl"
	})
}

type generationsCmd struct{}

// Run lists what was put in force.
func (generationsCmd) Run(ctx context.Context, p *process) error {
	cfg, store, err := openTeamStore(ctx, p)
	if err != nil {
		return err
	}
	defer store.Close()
	history, err := store.History(ctx)
	if err != nil {
		return err
	}
	if len(history) == 0 {
		fmt.Fprintln(p.stdout, "nothing is published yet: inboxbot publish DIR puts a directory of rules and prompts in force")
		return nil
	}
	return listGenerations(p.stdout, history, cfg.Location())
}

// listGenerations prints a history as a table.
func listGenerations(w io.Writer, history []redisstore.Published, zone *time.Location) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "HASH\t\tWHEN\tWHO\tWHAT\tMESSAGE")
	for i, g := range history {
		mark, what, message := "", "published", clip(g.Message, 200)
		if i == 0 {
			mark = "in force"
		}
		switch {
		case g.Refused:
			what, message = "taken back to", "refuses "+clip(g.Before, 64)+": "+message
		case g.Back:
			what = "rolled back to"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", g.Hash, mark, g.At.In(zone).Format("2006-01-02 15:04:05 MST"),
			cmp.Or(clip(g.By, 60), "somebody"), what, message)
	}
	return table.Flush()
}

type rollbackCmd struct {
	signature
	Hash string `arg:"" optional:"" help:"Generation to return to, or how its hash begins; not given: the one before the one in force."`
}

// Run puts an earlier generation in force again, if it is still good today.
func (c *rollbackCmd) Run(ctx context.Context, p *process) error {
	cfg, store, err := openTeamStore(ctx, p)
	if err != nil {
		return err
	}
	defer store.Close()
	history, err := store.History(ctx)
	if err != nil {
		return err
	}
	target, err := returnTo(history, c.Hash)
	if err != nil {
		return err
	}
	texts, err := store.Files(ctx, target.Hash)
	if err != nil {
		return fmt.Errorf("generation %s: %w", target.Hash, err)
	}
	if _, err := publishedSource(target.Hash, texts).load(cfg); err != nil {
		return joinConfig(fmt.Errorf("generation %s stays where it is, today it is refused", target.Hash), err)
	}
	next := c.on(target.Hash)
	next.Back = true
	now := history[0].Hash
	switch before, err := store.Publish(ctx, next, texts, now); {
	case errors.Is(err, redisstore.ErrInForce):
		fmt.Fprintf(p.stdout, "nothing to do: generation %s is in force already\n", target.Hash)
		return nil
	case errors.Is(err, redisstore.ErrOvertaken):
		return fmt.Errorf("not rolled back: meanwhile %s, not %s any more: look at inboxbot generations", inForceNow(before), now)
	case err != nil:
		return err
	}
	if target.Hash == now { // a process had taken it back to there
		_, err = fmt.Fprintf(p.stdout, "kept: generation %s stays in force\n", now)
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "rolled back: generation %s is in force again, %s\n", target.Hash, insteadOf(now))
	return err
}

// returnTo is the generation that a rollback returns to: the one whose hash begins
// as arg says, or the one before the one in force. Where a process has gone back
// already, that was it.
func returnTo(history []redisstore.Published, arg string) (redisstore.Published, error) {
	switch {
	case len(history) == 0:
		return redisstore.Published{}, errors.New("nothing is published yet, so there is nothing to return to")
	case arg != "":
		return findGeneration(history, arg)
	case history[0].Refused:
		return history[0], nil
	}
	if at := beforeNewest(history); at >= 0 {
		return history[at], nil
	}
	return redisstore.Published{}, fmt.Errorf("what was in force before %s is not known: name the generation to return to, inboxbot generations lists them", history[0].Hash)
}

// beforeNewest returns which entry of a history was in force before the newest one was
// first put there, -1 when none is known. Where the newest is itself a rollback,
// what it was rolled back from is later, not earlier: one rollback after another
// goes further back.
func beforeNewest(history []redisstore.Published) int {
	for i, g := range history {
		if g.Hash == history[0].Hash && !g.Back {
			if i+1 < len(history) {
				return i + 1
			}
			return -1
		}
	}
	return -1
}

// findGeneration returns the newest entry of the generation whose hash begins with arg.
func findGeneration(history []redisstore.Published, arg string) (redisstore.Published, error) {
	var found []redisstore.Published
	for _, g := range history {
		same := func(f redisstore.Published) bool { return f.Hash == g.Hash }
		if hashArg.MatchString(arg) && strings.HasPrefix(g.Hash, arg) && !slices.ContainsFunc(found, same) {
			found = append(found, g)
		}
	}
	switch len(found) {
	case 0:
		return redisstore.Published{}, fmt.Errorf("there is no generation %q: inboxbot generations lists them; 4 digits of a hash are enough", clip(arg, 70))
	case 1:
		return found[0], nil
	}
	return redisstore.Published{}, fmt.Errorf("%d generations begin with %s: write more of the hash", len(found), arg)
}
