package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/tools/txtar"

	"inboxbot/bot/redisstore"
)

// published is the origin that inboxbot publish writes to.
type published struct {
	store *redisstore.Store
	log   *slog.Logger
}

// How often the one in force is asked for, and how long an answer may take: a new
// one is in force within two seconds, and so is, everywhere, what one process took
// back when it first saw it.
const (
	publishedEvery   = 800 * time.Millisecond
	publishedTimeout = 5 * time.Second
)

var errNothingPublished = errors.New("BOT_SOURCE: redis, and nothing is published there for this team: put a directory of rules and prompts in force with inboxbot publish DIR")

// rulesFile is the name of the rule file in a generation and in a directory.
const rulesFile = "rules.yaml"

// read implements origin.
func (p published) read(ctx context.Context) (source, error) { return p.newer(ctx, "") }

// loadPublished loads the generation in force, for a command that only looks.
func loadPublished(ctx context.Context, cfg Config, n need) (loaded, error) {
	if err := cfg.lacks(needInbox); err != nil { // it says whose generation
		return loaded{}, err
	}
	store, err := openRedis(ctx, cfg, "", "")
	if err != nil {
		return loaded{}, err
	}
	defer store.Close()
	src, err := published{store: store}.read(ctx)
	if err != nil {
		return loaded{}, err
	}
	gen, err := src.load(cfg)
	if err == nil {
		err = gen.lacks(cfg, n)
	}
	return gen, err
}

// newer returns the source in force, or a zero one when its hash is last: that
// costs one small request. What is in force because a process refused another has
// a hash of its own, so that nobody misses that.
func (p published) newer(ctx context.Context, last string) (source, error) {
	ctx, cancel := context.WithTimeout(ctx, publishedTimeout)
	defer cancel()
	now, err := p.store.InForce(ctx)
	switch {
	case errors.Is(err, redisstore.ErrForeign):
		return source{hash: "foreign", unread: err}, nil
	case err != nil:
		return source{}, err
	case now.Hash == "":
		return source{hash: "nothing", unread: errNothingPublished}, nil
	}
	var takenBack error
	name := now.Hash
	if now.Refused {
		name += " instead of " + now.Before
		takenBack = fmt.Errorf("generation %s was taken back for all by %s: %s: publish a mended one, or keep this one with inboxbot rollback",
			clip(now.Before, 64), clip(now.By, 60), clip(now.Message, 400))
	}
	if name == last {
		return source{}, nil
	}
	s, err := p.textOf(ctx, now.Hash)
	if err == nil && s.unread == nil {
		s.hash, s.back, s.takenBack = name, now.Back, takenBack
	}
	return s, err
}

// textOf returns a generation of the history as a source. One whose text cannot be
// had is asked for again and again: its hash is not that of the history.
func (p published) textOf(ctx context.Context, hash string) (source, error) {
	texts, err := p.store.Files(ctx, hash)
	switch {
	case errors.Is(err, redisstore.ErrNoText), errors.Is(err, redisstore.ErrForeign):
		return source{hash: hash + " without text", unread: fmt.Errorf("generation %s cannot be used: %w: publish it again", hash, err)}, nil
	case err != nil:
		return source{}, err
	}
	return publishedSource(hash, texts), nil
}

// follow implements origin. While Redis is away, what is known stays.
func (p published) follow(ctx context.Context, from string, settled func(source) error) {
	tick := time.NewTicker(publishedEvery)
	defer tick.Stop()
	away := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s, err := p.newer(ctx, from)
		if err == nil && s.hash != "" && s.hash != from {
			if err = settled(s); err == nil {
				from = s.hash
			}
		}
		if err != nil && !away && ctx.Err() == nil {
			p.log.Warn("rules and prompts in redis cannot be followed: those in force stay", "err", err)
		}
		away = err != nil
	}
}

// takeBack implements origin. Of several processes that refuse a generation at once
// one takes it back; once anything else is in force, nobody does. The others do not
// try what is returned to, or they could go on for ever.
func (p published) takeBack(ctx context.Context, refused source, stays loaded, why error) error {
	texts, err := stays.from.texts()
	if err != nil {
		return err // unreachable: it is in force
	}
	ctx, cancel := context.WithTimeout(ctx, publishedTimeout)
	defer cancel()
	first, _, _ := strings.Cut(why.Error(), "\n")
	_, err = p.store.Publish(ctx, redisstore.Published{
		Hash: stays.Hash, By: "process " + p.store.Replica(), Message: clip(first, 200), Back: true, Refused: true,
	}, texts, refused.published)
	if err != nil && !errors.Is(err, redisstore.ErrOvertaken) {
		return fmt.Errorf("generation %s cannot be taken back: %w", refused.published, err)
	}
	return nil
}

// publishedSource makes a source of a generation's files.
func publishedSource(hash string, texts map[string]string) source {
	s := source{rulesName: "published " + rulesFile, promptsName: "published prompts", hash: hash, published: hash}
	var archive txtar.Archive
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if name != rulesFile {
			archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(texts[name])})
		}
	}
	rules, ok := texts[rulesFile]
	if !ok {
		s.unread = fmt.Errorf("generation %s has no %s: publish another", hash, rulesFile)
	}
	s.rules = []byte(rules)
	files, err := joinFS(&archive, nil)
	if err != nil {
		s.unread = err
		return s
	}
	s.prompts = files
	return s
}

// texts returns the files of s by name, as a generation has them.
func (s source) texts() (map[string]string, error) {
	if s.unread != nil {
		return nil, s.unread
	}
	out := map[string]string{rulesFile: string(s.rules)}
	entries, err := fs.ReadDir(s.prompts, ".")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.promptsName, withoutPath(err))
	}
	for _, e := range entries {
		if !isPrompt(e.Name()) {
			continue
		}
		data, err := fs.ReadFile(s.prompts, e.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(s.promptsName, e.Name()), withoutPath(err))
		}
		out[e.Name()] = string(data)
	}
	return out, nil
}

// isPrompt reports whether a file of this name is part of a set of prompts. What
// an editor keeps beside a file, and a volume's own links, are not.
func isPrompt(name string) bool {
	ext := filepath.Ext(name)
	return !strings.HasPrefix(name, ".") && (ext == ".tmpl" || ext == ".md")
}
