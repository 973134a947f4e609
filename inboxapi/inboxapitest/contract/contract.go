// Package contract holds an HTTP handler, and the clients that call it, to the
// Inbox API's own OpenAPI document. It is for tests: wrap a simulated API with
// Middleware and every request or answer the document does not allow fails the
// test.
//
// The document is not part of this repository. Where it is missing nothing is
// validated and the test's log says so.
package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// documentPath is where the document is expected, from the root of the module.
const documentPath = "../shared/inbox-api/openapi-v1.json"

// basePath is where the API begins on its server.
const basePath = "/api/v1"

// Available reports whether the document is here to validate against.
func Available() bool {
	_, err := os.Stat(findDocument())
	return err == nil
}

// findDocument looks upwards from the working directory for the module's root.
func findDocument() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	return filepath.Join(dir, documentPath)
}

// Middleware returns h with every request and every answer 200 validated: path,
// query, body and content type both ways. Each violation is an error of t that
// names operation, place and rule. Answers outside 200 pass, because the document
// describes none, and so do requests the handler aborts. What comes after the end
// of t is not validated.
//
// Without the document h is returned as it is.
func Middleware(t testing.TB, h http.Handler) http.Handler {
	t.Helper()
	routes, err := load()
	if errors.Is(err, fs.ErrNotExist) {
		t.Logf("contract: %s is not here, nothing is validated", documentPath)
		return h
	} else if err != nil {
		t.Fatalf("contract: %v", err)
	}
	m := &middleware{t: t, next: h, routes: routes}
	t.Cleanup(m.end)
	return m
}

type middleware struct {
	next   http.Handler
	routes *routes

	mu sync.Mutex
	t  testing.TB // nil once the test has ended
}

func (m *middleware) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.t = nil
}

func (m *middleware) errorf(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.t != nil {
		m.t.Errorf("contract: "+format, args...)
	}
}

// ServeHTTP implements http.Handler.
func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op, ok := m.routes.find(r)
	if !ok {
		m.errorf("%s %s is not in the document", r.Method, r.URL.Path)
		m.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	for _, err := range op.request(r, body) {
		m.errorf("request %s: %v", op.OperationID, err)
	}
	answer := &recorder{ResponseWriter: w, status: http.StatusOK}
	m.next.ServeHTTP(answer, r)
	if err := op.response(answer); err != nil {
		m.errorf("response %s: %v", op.OperationID, err)
	}
}

// recorder keeps a copy of what is answered.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// routes finds the operation of a request. Literal paths win.
type routes struct {
	mux        *http.ServeMux
	operations map[string]*operation // by ServeMux pattern
}

// operation is one operation of the document, its schemas compiled.
type operation struct {
	*openapi3.Operation
	template []string // segments of its path
	params   []*jsonschema.Schema
	body     *jsonschema.Schema // nil: none
	answer   *jsonschema.Schema
}

// load reads the document. kin-openapi says what the operations are; values are
// validated as the JSON Schema 2020-12 that OpenAPI 3.1 schemas are, compiled from
// the document itself so that nothing of it is lost on the way.
var load = sync.OnceValues(func() (*routes, error) {
	raw, err := os.ReadFile(findDocument())
	if err != nil {
		return nil, err
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", documentPath, err)
	}
	makeKnowable(tree)
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", documentPath, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(documentURL, tree); err != nil {
		return nil, fmt.Errorf("compile %s: %w", documentPath, err)
	}
	r := &routes{mux: http.NewServeMux(), operations: map[string]*operation{}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			pattern := method + " " + basePath + path
			if r.operations[pattern], err = compile(c, path, method, op); err != nil {
				return nil, fmt.Errorf("compile %s: %w", pattern, err)
			}
			r.mux.Handle(pattern, http.NotFoundHandler())
		}
	}
	return r, nil
})

const documentURL = "https://inbox.test/openapi.json"

func compile(c *jsonschema.Compiler, path, method string, op *openapi3.Operation) (*operation, error) {
	const schema = "/content/application~1json/schema"
	at := documentURL + "#/paths/" + strings.ReplaceAll(path, "/", "~1") + "/" + strings.ToLower(method)
	o := &operation{Operation: op, template: strings.Split(basePath+path, "/")}
	for i := range op.Parameters {
		p, err := c.Compile(at + "/parameters/" + strconv.Itoa(i) + "/schema")
		if err != nil {
			return nil, err
		}
		o.params = append(o.params, p)
	}
	var err error
	if op.RequestBody != nil {
		if o.body, err = c.Compile(at + "/requestBody" + schema); err != nil {
			return nil, err
		}
	}
	o.answer, err = c.Compile(at + "/responses/200" + schema)
	return o, err
}

// makeKnowable replaces {"not": {}}, which the document writes where it knows no
// type and which no value satisfies, by {}.
func makeKnowable(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			makeKnowable(item)
		}
	case map[string]any:
		if not, ok := v["not"].(map[string]any); ok && len(not) == 0 {
			delete(v, "not")
		}
		for _, item := range v {
			makeKnowable(item)
		}
	}
}

func (r *routes) find(req *http.Request) (*operation, bool) {
	_, pattern := r.mux.Handler(req)
	op, ok := r.operations[pattern]
	return op, ok
}

// request returns what is wrong with a request.
func (op *operation) request(r *http.Request, body []byte) []error {
	errs := []error{op.requestBody(r, body)}
	tree, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return append(errs, err)
	}
	for i, ref := range op.Parameters {
		p := ref.Value
		switch p.In {
		case "path":
			errs = append(errs, visit(p.Name, op.params[i], op.segment(r, p.Name)))
		case "query":
			v, ok := tree[p.Name]
			delete(tree, p.Name)
			if ok {
				errs = append(errs, visitText(p, op.params[i], v))
			} else if p.Required {
				errs = append(errs, fmt.Errorf("%s: required", p.Name))
			}
		}
	}
	for name := range tree {
		errs = append(errs, fmt.Errorf("query parameter %q is not in the document", name))
	}
	kept := errs[:0]
	for _, err := range errs {
		if err != nil {
			kept = append(kept, err)
		}
	}
	return kept
}

// segment is the part of the path that stands for a parameter.
func (op *operation) segment(r *http.Request, name string) string {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i, s := range op.template {
		if s == "{"+name+"}" && i < len(segments) {
			v, _ := url.PathUnescape(segments[i]) // the request's URL was parsed
			return v
		}
	}
	return ""
}

func (op *operation) requestBody(r *http.Request, body []byte) error {
	if op.RequestBody == nil {
		if len(body) > 0 {
			return errors.New("a body where the document has none")
		}
		return nil
	}
	if len(body) == 0 {
		if op.RequestBody.Value.Required {
			return errors.New("no body where the document requires one")
		}
		return nil
	}
	return visitBody(op.body, r.Header.Get("Content-Type"), body)
}

// response returns what is wrong with an answer.
func (op *operation) response(r *recorder) error {
	if r.status != http.StatusOK {
		return nil
	}
	if r.body.Len() == 0 {
		// The schema of deletions is "nothing", whatever that is in JSON.
		if strings.HasSuffix(op.OperationID, ".delete") {
			return nil
		}
		return errors.New("an empty body")
	}
	return visitBody(op.answer, r.Header().Get("Content-Type"), r.body.Bytes())
}

func visitBody(schema *jsonschema.Schema, contentType string, body []byte) error {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/json" {
		return fmt.Errorf("content type %q is not in the document", contentType)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return visit("body", schema, v)
}

func visit(name string, schema *jsonschema.Schema, v any) error {
	if err := schema.Validate(v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
