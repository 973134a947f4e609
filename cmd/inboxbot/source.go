package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/tools/txtar"

	"inboxbot/bot/live"
	"inboxbot/prompts"
	"inboxbot/rules"
)

// source is the text of rules and prompts as it was at one moment.
type source struct {
	rulesName, promptsName string
	rules                  []byte
	unread                 error // why there are no rules
	prompts                fs.FS
	// hash is of all the text, whatever it is worth; "" of what cannot change.
	hash string
	// published is what the generation is called, when it has been published.
	published string
	// back says that it was in force before and was returned to. That must always
	// be possible, so it is not tried on conversations.
	back bool
	// takenBack says which generation it is in force instead of, because a process
	// refused that one, and why.
	takenBack error
}

// The most that is read of a file or a directory: more than rules and prompts
// take, so that they, who know, say what is too large.
const (
	maxRulesRead  = 1<<20 + 1
	maxPromptRead = 128<<10 + 1
	maxPrompts    = 256 + 1
)

// configured reads the files the configuration names, or takes the built-in ones.
// Its error is the rule file's; what is wrong with the prompts, load says.
func configured(cfg Config) (source, error) {
	s := source{rulesName: "built-in rules.yaml", promptsName: "built-in prompts", rules: rules.Default(), prompts: prompts.Default()}
	sum := sha256.New()
	if cfg.RulesFile != "" {
		s.rulesName = cfg.RulesFile
		var err error
		if s.rules, err = readUpTo(cfg.RulesFile, maxRulesRead); err != nil {
			s.unread = fmt.Errorf("%s: %w", cfg.RulesFile, err)
		}
		fmt.Fprintf(sum, "%d %v\n%s", len(s.rules), s.unread, s.rules)
	}
	if cfg.PromptsDir != "" {
		s.promptsName, s.prompts = cfg.PromptsDir, readPrompts(cfg.PromptsDir, sum)
	}
	if len(directories(cfg)) > 0 {
		s.hash = hex.EncodeToString(sum.Sum(nil))
	}
	return s, s.unread
}

// files is the origin that a person edits on this machine.
type files struct {
	cfg Config
	log *slog.Logger
}

// read implements origin.
func (f files) read(context.Context) (source, error) {
	s, _ := configured(f.cfg) // the error is kept in s: load reports it
	return s, nil
}

// follow implements origin. Built-in files do not change.
func (f files) follow(ctx context.Context, from string, settled func(source) error) {
	if from == "" {
		return
	}
	watch := live.Files[source]{
		Dirs: directories(f.cfg),
		From: from,
		Read: func() (source, string) {
			s, _ := configured(f.cfg)
			return s, s.hash
		},
		Settled: func(s source) { _ = settled(s) }, // takeBack has no error
		Deaf: func(err error) {
			f.log.Warn("no notice of changed files: they are looked at once a second instead", "err", err)
		},
	}
	watch.Run(ctx)
}

// takeBack implements origin. Files are the author's to mend.
func (f files) takeBack(context.Context, source, loaded, error) error { return nil }

// directories are where the files are that the configuration names.
func directories(cfg Config) []string {
	var dirs []string
	if cfg.RulesFile != "" {
		dirs = append(dirs, filepath.Dir(cfg.RulesFile))
	}
	if cfg.PromptsDir != "" {
		dirs = append(dirs, cfg.PromptsDir)
	}
	return dirs
}

// readUpTo reads at most so many bytes of a file, links followed. Its errors do
// not name the file.
func readUpTo(path string, most int64) ([]byte, error) {
	// Opening a pipe would block.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most))
	return data, withoutPath(err)
}

func withoutPath(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// readPrompts reads a directory's templates and texts into memory, so that they
// are all of one moment however long it takes to prove them, and adds them to sum.
func readPrompts(dir string, sum io.Writer) fs.FS {
	read := frozen{unread: map[string]error{}}
	var files txtar.Archive
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		name := e.Name()
		if !isPrompt(name) {
			continue
		}
		if len(files.Files) == maxPrompts {
			break
		}
		data, err := readUpTo(filepath.Join(dir, name), maxPromptRead)
		if err != nil {
			read.unread[name] = err
		}
		files.Files = append(files.Files, txtar.File{Name: name, Data: data})
		fmt.Fprintf(sum, "%q %d %v\n%s", name, len(data), err, data)
	}
	if read.FS, err = joinFS(&files, err); err != nil {
		read.unread["."] = err
		fmt.Fprintf(sum, "%v\n", err)
	}
	return read
}

// joinFS returns files as a file system, unless they could not be listed or one
// has a name that no file system takes.
func joinFS(files *txtar.Archive, err error) (fs.FS, error) {
	if err != nil {
		return nil, withoutPath(err)
	}
	if i := slices.IndexFunc(files.Files, func(f txtar.File) bool { return !fs.ValidPath(f.Name) }); i >= 0 {
		return nil, fmt.Errorf("the name %q is not UTF-8", files.Files[i].Name)
	}
	return txtar.FS(files)
}

// frozen is a directory in memory, and what of it could not be read.
type frozen struct {
	fs.FS
	unread map[string]error
}

// Open implements fs.FS.
func (f frozen) Open(name string) (fs.File, error) {
	if err := cmp.Or(f.unread["."], f.unread[name]); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return f.FS.Open(name)
}
