package prompts

import (
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
)

// didYouMean is a hint at the known name nearest to name, or, when none is
// near, at all of them if they are few. It goes at the end of a message.
func didYouMean(name string, known iter.Seq[string]) string {
	// One letter in three may be wrong; of a short name, less than half.
	best, least := "", 1+min(len(name)/2, max(2, len(name)/3))
	var all []string
	for k := range known {
		all = append(all, k)
		if d := distance(plainName(name), plainName(k)); d < least {
			best, least = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf(", did you mean %s?", best)
	case len(all) == 0 || len(all) > 24:
		return ""
	}
	slices.Sort(all)
	return ", known: " + strings.Join(all, " ")
}

// known lists names for a message.
func known[V any](names map[string]V) string {
	if len(names) == 0 {
		return ", there is none at all"
	}
	return ", known: " + strings.Join(sortedKeys(names), " ")
}

// plainName is what two names are compared by: case, a leading underscore and an
// extension are what people forget.
func plainName(name string) string {
	switch ext := path.Ext(name); ext {
	case tmplExt, textExt, ".tpl", ".txt", ".gotmpl", ".template", ".markdown", ".j2":
		name = strings.TrimSuffix(name, ext)
	}
	return strings.TrimPrefix(strings.ToLower(name), partial)
}

// distance is how many letters must be changed, added or removed to make b of a.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return max(len(x), len(y))
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j, q := range y {
			change := diagonal
			if r != q {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
