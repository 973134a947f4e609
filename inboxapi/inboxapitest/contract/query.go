package contract

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// node is a query parameter in bracket notation: the values given to it, and what
// is below it by key. Indexes and the empty key are list items.
type node struct {
	values []string
	below  map[string]*node
}

// parseQuery reads a query string into a tree per parameter.
func parseQuery(raw string) (map[string]*node, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	root := &node{below: map[string]*node{}}
	for key, list := range values {
		name, rest, _ := strings.Cut(key, "[")
		at := root.child(name)
		for part := range strings.SplitSeq(strings.TrimSuffix(rest, "]"), "][") {
			if rest == "" {
				break
			}
			at = at.child(part)
		}
		at.values = append(at.values, list...)
	}
	return root.below, nil
}

func (n *node) child(key string) *node {
	if n.below == nil {
		n.below = map[string]*node{}
	}
	if n.below[key] == nil {
		n.below[key] = &node{}
	}
	return n.below[key]
}

// visitText validates a parameter after reading its text as the schema's type. A
// value that cannot be read as that type stays text, and fails.
func visitText(p *openapi3.Parameter, schema *jsonschema.Schema, n *node) error {
	v, err := typed(p.Schema.Value, n)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	return visit(p.Name, schema, v)
}

// typed returns the value a parameter has under a schema.
func typed(schema *openapi3.Schema, n *node) (any, error) {
	for _, option := range schema.AnyOf {
		if n.below == nil && len(n.values) == 1 && n.values[0] == "" {
			return nil, nil // where null is allowed, an empty value is null
		}
		if !option.Value.Type.Is("null") {
			return typed(option.Value, n)
		}
	}
	switch {
	case schema.Type.Is("object"):
		return typedObject(schema, n)
	case schema.Type.Is("array"):
		return typedArray(schema, n)
	case len(n.values) != 1 || n.below != nil:
		return nil, fmt.Errorf("must be one value, not %q", n.values)
	}
	text := n.values[0]
	if schema.Type.Is("integer") || schema.Type.Is("number") {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f, nil
		}
	}
	if schema.Type.Is("boolean") && (text == "true" || text == "false") {
		return text == "true", nil
	}
	return text, nil
}

func typedObject(schema *openapi3.Schema, n *node) (any, error) {
	if len(n.values) > 0 {
		return n.values[0], nil
	}
	object := map[string]any{}
	for key, below := range n.below {
		property, ok := schema.Properties[key]
		if !ok {
			return nil, fmt.Errorf("key %q is not in the document", key)
		}
		v, err := typed(property.Value, below)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		object[key] = v
	}
	return object, nil
}

// typedArray reads the three forms of lists. One bare value could be a scalar and
// stays one.
func typedArray(schema *openapi3.Schema, n *node) (any, error) {
	if len(n.values) == 1 && n.below == nil {
		return n.values[0], nil
	}
	texts := slices.Clone(n.values)
	keys := slices.SortedFunc(maps.Keys(n.below), func(a, b string) int {
		i, _ := strconv.Atoi(a)
		j, _ := strconv.Atoi(b)
		return i - j
	})
	for _, key := range keys {
		if _, err := strconv.Atoi(key); key != "" && err != nil {
			return nil, fmt.Errorf("key %q in a list", key)
		}
		texts = append(texts, n.below[key].values...)
	}
	items := make([]any, len(texts))
	for i, text := range texts {
		v, err := typed(schema.Items.Value, &node{values: []string{text}})
		if err != nil {
			return nil, err
		}
		items[i] = v
	}
	return items, nil
}
