package prompts

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode/utf8"

	"inboxbot/bot"
)

const (
	tmplExt = ".tmpl"
	textExt = ".md"
	partial = "_" // begins the names of files that are no prompts

	// maxFile bounds a file in bytes. A prompt of 8,000 tokens is 32 KB.
	maxFile = 128 << 10
	// maxFiles bounds how many files a set has.
	maxFiles = 256
)

// FileError is one problem in one file of a set. Load returns all of them joined.
type FileError struct {
	File      string // with the directory's name in front
	Line, Col int    // from 1, in characters; 1, 1 also for what is wrong with the whole file
	Problem   string
}

// Error returns "file:line:col: problem".
func (e *FileError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Problem)
}

// Load reads the *.tmpl and *.md files at the top of fsys, proves them as the
// package doc says and returns them as a set. name stands for the directory in
// errors. Files whose names begin with a dot are left alone.
//
// The error joins a FileError for every problem found, in the order of files and
// lines; nothing of a set with a problem is usable.
func Load(fsys fs.FS, name string, o Options) (*Set, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	l := &loader{
		dir:   name,
		tmpls: map[string]string{},
		texts: map[string]string{},
		trees: map[string]*parse.Tree{},
	}
	hash, err := l.read(fsys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, plainPathError(err))
	}
	for _, file := range sortedKeys(l.tmpls) {
		l.parse(file)
	}
	s := &Set{options: o, hash: hash}
	for _, file := range sortedKeys(l.texts) {
		s.facts = append(s.facts, l.texts[file])
	}
	funcs := functions(l.texts, o.Timezone)
	l.check(funcs)
	if l.found == nil {
		l.build(s, funcs)
	}
	if l.found == nil {
		l.prove(s)
	}
	if l.found != nil {
		return nil, l.err()
	}
	return s, nil
}

// loader is a set in the making and what is wrong with it.
type loader struct {
	dir   string
	tmpls map[string]string      // *.tmpl by name
	texts map[string]string      // *.md by name
	trees map[string]*parse.Tree // every template by name: files and {{define}}s
	found []*FileError
}

// problemAt reports a problem at an offset of a file.
func (l *loader) problemAt(file string, offset int, format string, args ...any) {
	text := cmp.Or(l.tmpls[file], l.texts[file])
	before := text[:min(max(offset, 0), len(text))]
	l.add(&FileError{
		File:    file,
		Line:    1 + strings.Count(before, "\n"),
		Col:     1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]),
		Problem: fmt.Sprintf(format, args...),
	})
}

// problem reports a problem of a whole file.
func (l *loader) problem(file, format string, args ...any) {
	l.add(&FileError{File: file, Line: 1, Col: 1, Problem: fmt.Sprintf(format, args...)})
}

func (l *loader) add(e *FileError) {
	e.File = path.Join(l.dir, e.File)
	for _, f := range l.found {
		if *f == *e {
			return // a part that is used twice is wrong once
		}
	}
	l.found = append(l.found, e)
}

func (l *loader) err() error {
	slices.SortStableFunc(l.found, func(a, b *FileError) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	var errs []error
	for _, f := range l.found {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

var goodName = regexp.MustCompile(`^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$`)

// read takes in the files and returns their hash.
func (l *loader) read(fsys fs.FS) (string, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	required, whole := false, true
	var others []string         // what system.tmpl may have been called by mistake
	for _, e := range entries { // sorted by name
		file, ext := e.Name(), path.Ext(e.Name())
		others = append(others, file)
		if strings.HasPrefix(file, ".") || ext != tmplExt && ext != textExt {
			continue
		}
		required = required || file == "system"+tmplExt
		if len(l.tmpls)+len(l.texts) == maxFiles {
			l.problem(file, "a set has at most %d files", maxFiles)
			whole = false
			break
		}
		data, err := readFile(fsys, file)
		if err != nil {
			l.problem(file, "%v", err)
			continue
		}
		fmt.Fprintf(hash, "%q %d\n", file, len(data))
		hash.Write(data)
		l.take(file, ext, data)
	}
	if whole && !required {
		hint := didYouMean("system"+tmplExt, slices.Values(others))
		if !strings.Contains(hint, "did you mean") {
			hint = ", and there is none; only *.tmpl and *.md are read"
		}
		l.problem("system"+tmplExt, "every set needs this file%s", hint)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

func (l *loader) take(file, ext string, data []byte) {
	text := strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
	if ext == textExt {
		l.texts[file] = text
	} else {
		l.tmpls[file] = text
	}
	switch bad := strings.IndexFunc(text, func(r rune) bool { return r == utf8.RuneError }); {
	case ext == tmplExt && !goodName.MatchString(file):
		l.problem(file, "a template's name has letters, digits, dots, - and _ only")
	case !utf8.ValidString(text):
		l.problemAt(file, bad, "not valid UTF-8")
	}
	if ext == textExt {
		return // it goes in as it is
	}
	for _, at := range foreignTag.FindAllStringIndex(text, -1) {
		l.problemAt(file, at[0], "there is no {%% %%} here, it would be sent as text: write {{if ...}} ... {{end}}, {{range ...}} or {{.Name}}")
	}
}

func readFile(fsys fs.FS, file string) ([]byte, error) {
	// Opening a pipe would block. Links are followed: mounted volumes use them.
	if info, err := fs.Stat(fsys, file); err != nil {
		return nil, plainPathError(err)
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := fsys.Open(file)
	if err != nil {
		return nil, plainPathError(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, plainPathError(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("larger than %d KB", maxFile>>10)
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, errors.New("not a text file")
	}
	return data, nil
}

// plainPathError drops the path, which the problem names already.
func plainPathError(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// parseOne parses one file on its own. Functions are for check to look up, who
// knows columns and can name them all.
func parseOne(file, text string) (map[string]*parse.Tree, error) {
	t := parse.New(file)
	t.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	_, err := t.Parse(text, "", "", trees)
	return trees, err
}

var parseError = regexp.MustCompile(`(?s)^template: [^:]*:(\d+): (.*)$`)

func (l *loader) parse(file string) {
	text := l.tmpls[file]
	trees, err := parseOne(file, text)
	if err != nil {
		m := parseError.FindStringSubmatch(err.Error())
		if m == nil {
			l.problem(file, "%v", err) // unreachable: text/template names a line
			return
		}
		line, _ := strconv.Atoi(m[1])
		offset, problem := locate(file, text, err, line), m[2]
		offset, problem = explainParse(text, offset, problem)
		l.problemAt(file, offset, "%s", problem)
		return
	}
	for _, name := range sortedKeys(trees) {
		if other, ok := l.trees[name]; ok {
			l.problemAt(file, int(trees[name].Root.Pos), "template %q is defined in %s too", name, other.ParseName)
			continue
		}
		l.trees[name] = trees[name]
	}
}

// locate finds the action on a line that made parsing fail with err, since
// text/template tells only the line: the first one after which the text, ended
// there, fails in the same way.
func locate(file, text string, err error, line int) int {
	start := 0
	for range line - 1 {
		start += strings.IndexByte(text[start:], '\n') + 1
	}
	end := len(text)
	if i := strings.IndexByte(text[start:], '\n'); i >= 0 {
		end = start + i
	}
	at := start
	for from := start; ; {
		open := strings.Index(text[from:end], "{{")
		if open < 0 {
			return at
		}
		at = from + open
		from = at + 2
		if stop := strings.Index(text[from:], "}}"); stop >= 0 {
			if _, e := parseOne(file, text[:from+stop+2]); e != nil && e.Error() == err.Error() {
				return at
			}
		}
	}
}

var blocks = regexp.MustCompile(`(?s)\{\{(?:- )?\s*(/\*.*?\*/|(?:if|with|range|define|block|end)\b)`)

// unclosed returns the offset of the innermost block that has no {{end}}, or -1.
// It does not know strings from code; it is asked only when parsing has failed.
func unclosed(text string) int {
	var open []int
	for _, m := range blocks.FindAllStringSubmatchIndex(text, -1) {
		switch word := text[m[2]:m[3]]; {
		case strings.HasPrefix(word, "/*"):
		case word != "end":
			open = append(open, m[0])
		case len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	if len(open) == 0 {
		return -1
	}
	return open[len(open)-1]
}

// build makes the checked trees executable.
func (l *loader) build(s *Set, funcs template.FuncMap) {
	s.tmpl = template.New("").Option("missingkey=error").Funcs(funcs)
	for _, name := range sortedKeys(l.trees) {
		s.sites.count(l.trees[name].Root, site{l.trees[name].ParseName, int(l.trees[name].Root.Pos)})
		if _, err := s.tmpl.AddParseTree(name, l.trees[name]); err != nil {
			l.problem(l.trees[name].ParseName, "%v", err) // unreachable: it refuses only what is executing
		}
	}
	for _, file := range sortedKeys(l.tmpls) {
		switch {
		case strings.HasPrefix(file, partial):
		case strings.HasSuffix(file, sayExt):
			s.messages = append(s.messages, strings.TrimSuffix(file, sayExt))
		default:
			s.names = append(s.names, strings.TrimSuffix(file, tmplExt))
		}
	}
	slices.Sort(s.names)
	slices.Sort(s.messages)
}

// prove makes every prompt and message of the set with every sample. Together they
// may do no more than one alone: a new set is also tried on many conversations.
func (l *loader) prove(s *Set) {
	spent := 0
	s.spent = &spent
	defer func() { s.spent = nil }()
	tooMuch := func(file string) bool {
		if spent <= len(samples())*maxWork {
			return false
		}
		l.problem(file, "the templates up to here do too much together: are there loops over large numbers?")
		return true
	}
	for _, name := range s.names {
		l.proveOne(name+tmplExt, func(c *bot.Conversation) error {
			system, _, err := s.system(name, newData(c, tried, s.options.Timezone))
			switch {
			case err != nil:
				return err
			case system == "":
				return errors.New("it renders to nothing")
			case escapes(system):
				return errors.New("text of the prospect appears outside its fence: print the field as a whole")
			}
			return nil
		})
		if tooMuch(name + tmplExt) {
			return
		}
	}
	for _, name := range s.messages {
		l.proveOne(name+sayExt, func(c *bot.Conversation) error {
			_, err := s.message(name, c, tried)
			return err
		})
		if tooMuch(name + sayExt) {
			return
		}
	}
}

// proveOne reports the first sample that a file fails with: one's word is enough.
func (l *loader) proveOne(file string, with func(*bot.Conversation) error) {
	for _, sample := range samples() {
		err := with(sample.about)
		if at, ok := errors.AsType[*execError](err); ok {
			l.problemIn(at, "%s (%s)", at.problem, sample.name)
			return
		}
		if at, ok := errors.AsType[*stuck](err); ok {
			l.problemAt(at.file, at.offset, "%v (%s)", err, sample.name)
			return
		}
		if err != nil {
			l.problem(file, "%v (%s)", err, sample.name)
			return
		}
	}
}

// problemIn reports at the place text/template named.
func (l *loader) problemIn(e *execError, format string, args ...any) {
	start := 0
	for range e.line - 1 {
		start += strings.IndexByte(l.tmpls[e.file][start:], '\n') + 1
	}
	l.problemAt(e.file, start+e.col, format, args...)
}

// execError is a template that failed while running.
type execError struct {
	file    string
	line    int // from 1
	col     int // from 0, in bytes, as text/template counts
	problem string
}

func (e *execError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.file, e.line, e.col+1, e.problem) // as text/template, but columns from 1
}

var execMessage = regexp.MustCompile(`(?s)^template: ([^:]*):(\d+):(\d+): executing ".*?" at <.*?>: (.*)$`)

// explainExec reads the place and the problem out of an error of text/template.
func explainExec(err error) error {
	m := execMessage.FindStringSubmatch(err.Error())
	if m == nil {
		return err // the meter's
	}
	e := &execError{file: m[1], problem: m[4]}
	e.line, _ = strconv.Atoi(m[2])
	e.col, _ = strconv.Atoi(m[3])
	// This one message quotes a value, which may be a prospect's text.
	if before, _, ok := strings.Cut(e.problem, "iterate over "); ok {
		e.problem = before + "iterate over this"
	}
	for _, f := range failures {
		if m := f.pattern.FindStringSubmatchIndex(e.problem); m != nil {
			e.problem = string(f.pattern.ExpandString(nil, f.say, e.problem, m))
			break
		}
	}
	return e
}
