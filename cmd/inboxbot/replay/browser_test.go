package replay_test

import (
	"os"
	"path/filepath"
	"testing"

	"inboxbot/cmd/inboxbot/browsertest"
	"inboxbot/cmd/inboxbot/replay"
)

// TestPageInABrowser reads the page as its reader does, in Chromium: with strangers'
// scripts in every field, narrow and wide, light and dark, with and without script.
func TestPageInABrowser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "replay.html")
	if err := os.WriteFile(file, []byte(pageOf(t, attacked(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		width  int64
		scheme string
		dark   bool
	}{
		{"narrow, light", 400, "light", false},
		{"narrow, dark", 400, "dark", true},
		{"wide, light", 1400, "light", false},
		{"wide, dark", 1400, "dark", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := browsertest.Open(t, "file://")
			b.View(row.width, row.scheme)
			b.Visit(file)
			b.Wants("false", `"owned" in window`)
			b.Eval(`document.querySelectorAll("details").forEach(d => d.open = true)`)
			b.Fits(t, row.name)
			b.Accessible(t, row.name)
			b.Wants("true", `[...document.querySelectorAll(".text")].some(e => e.textContent.includes("<script>window.owned"))`)
			b.Wants(map[bool]string{true: "true", false: "false"}[row.dark], `getComputedStyle(document.body).backgroundColor !== "rgb(255, 255, 255)"`)
			b.Quiet(t, "replay.html")
		})
	}
}

func TestPageFilters(t *testing.T) {
	file := filepath.Join(t.TempDir(), "replay.html")
	if err := os.WriteFile(file, []byte(pageOf(t, run(t, replay.Options{}))), 0o600); err != nil {
		t.Fatal(err)
	}
	const choose = `const choose = (id, v) => { const s = document.getElementById(id); s.value = v; s.dispatchEvent(new Event("change", {bubbles: true})); return document.getElementById("count").textContent };`
	b := browsertest.Open(t, "file://")
	b.Visit(file)
	b.Wants("false", `document.getElementById("filter").hidden`)
	b.Wants("6 cuts in 6 conversations", `document.getElementById("count").textContent`) // those that change, to begin with
	b.Wants("14 cuts in 8 conversations", `{`+choose+`choose("change", "")}`)
	b.Wants("3 cuts in 3 conversations", `{`+choose+`choose("change", "handoff-reply"); choose("change", "reply-handoff"); choose("guard", "prices")}`)
	b.Wants("1 cuts in 1 conversations", `{`+choose+`choose("change", ""); choose("guard", "price-of-a-kilo")}`)
	b.Quiet(t, "replay.html")

	b = browsertest.Open(t, "file://")
	b.WithoutScript()
	b.Visit(file)
	b.Wants("true", `document.getElementById("filter").hidden && [...document.querySelectorAll(".conversation")].every(c => !c.hidden)`)
}
