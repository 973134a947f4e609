package openaichat

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inboxbot/bot"
)

// TestAimock asks somebody else's idea of an OpenAI server: @copilotkit/aimock,
// fetched from npm.
func TestAimock(t *testing.T) {
	url := startAimock(t, []map[string]any{
		{"match": map[string]any{"userMessage": "When do you open"}, "response": map[string]any{
			"content": decision, "usage": map[string]any{"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
		}},
		{"match": map[string]any{"userMessage": "Say ok."}, "response": map[string]any{"content": "ok"}},
		{"match": map[string]any{"userMessage": "fenced"}, "response": map[string]any{"content": "<think>hm</think>```json\n" + decision + "\n```"}},
		{"match": map[string]any{"userMessage": "empty"}, "response": map[string]any{"content": ""}},
		{"match": map[string]any{"userMessage": "broke"}, "response": map[string]any{
			"error": map[string]any{"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}, "status": 429,
		}},
		{"match": map[string]any{"userMessage": "busy"}, "response": map[string]any{
			"error": map[string]any{"message": "overloaded", "type": "server_error"}, "status": 503,
		}},
	})
	say := func(text string) bot.Prompt {
		return bot.Prompt{System: "You answer for a shop.", Chat: []bot.ChatMessage{{Role: bot.RoleUser, Text: text}}}
	}
	for _, format := range []string{FormatJSONSchema, FormatJSONObject, FormatText} {
		attempts := 0
		c, err := New(Options{
			BaseURL: url + "/v1", APIKey: testKey, Model: "gpt-4o-mini", Format: format, Retries: 1,
			Observe: func(Observation) { attempts++ },
		})
		if err != nil {
			t.Fatal(err)
		}
		tests := []struct {
			says     string
			err      error
			attempts int
		}{
			{"When do you open?", nil, 1},
			{"fenced", nil, 1},
			{"empty", ErrInvalid, 2},
			{"broke", ErrNoCredit, 1},
			{"busy", ErrUnavailable, 2},
			{"no fixture has this", ErrRejected, 1},
		}
		for _, tt := range tests {
			t.Run(format+"/"+tt.says, func(t *testing.T) {
				attempts = 0
				got, err := c.Complete(t.Context(), say(tt.says))
				if !errors.Is(err, tt.err) || attempts != tt.attempts {
					t.Fatalf("error = %v after %d attempts, want %v after %d", err, attempts, tt.err, tt.attempts)
				}
				if tt.err == nil && got.Text != decision {
					t.Errorf("text = %q", got.Text)
				}
				if tt.says == "When do you open?" && got.Tokens != (bot.Tokens{Prompt: 11, Completion: 7}) {
					t.Errorf("tokens = %+v", got.Tokens)
				}
			})
		}
		t.Run(format+"/ping", func(t *testing.T) {
			if err := c.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// startAimock installs aimock, runs it with fixtures until the test ends and
// returns its address. It skips the test where that cannot be done.
func startAimock(t *testing.T, fixtures []map[string]any) string {
	t.Helper()
	if testing.Short() {
		t.Skip("aimock: not in short mode")
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("aimock: no %s here", tool)
		}
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, "@copilotkit/aimock@1")
	install.Dir, install.WaitDelay = dir, time.Second
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("aimock: npm install: %v: %s", err, oneLine(string(out), 200))
	}
	file := filepath.Join(dir, "fixtures.json")
	if err := os.WriteFile(file, []byte(mustJSON(t, map[string]any{"fixtures": fixtures})), 0o600); err != nil {
		t.Fatal(err)
	}
	return runAimock(t, dir, file)
}

func runAimock(t *testing.T, dir, fixtures string) string {
	t.Helper()
	entry := filepath.Join(dir, "node_modules", "@copilotkit", "aimock", "dist", "cli.js")
	mock := exec.CommandContext(t.Context(), "node", entry, "-p", "0", "-f", fixtures)
	out, err := mock.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	mock.Stderr = mock.Stdout
	if err := mock.Start(); err != nil {
		t.Skipf("aimock: %v", err)
	}
	t.Cleanup(func() {
		_ = mock.Process.Kill()
		_ = mock.Wait()
	})
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if _, url, ok := strings.Cut(lines.Text(), "listening on "); ok {
			go func() { // keep its pipe empty until it ends
				for lines.Scan() {
					continue
				}
			}()
			return strings.TrimSpace(url)
		}
	}
	t.Fatalf("aimock did not start: %s", said.String())
	return ""
}
