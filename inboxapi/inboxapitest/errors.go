package inboxapitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// ErrorShape is one of the bodies that errors of the API are known to have.
type ErrorShape int

// The shapes of error bodies. The zero value is ShapeDocumented.
const (
	ShapeDocumented ErrorShape = 1 // {"error": {code, message, status}}
	ShapeOld        ErrorShape = 2 // {"error": "Unauthorized", "message": ...}
	ShapeFramework  ErrorShape = 3 // {defined, code, status, message, data}
	ShapeHTML       ErrorShape = 4 // a proxy's page
)

// apiError is an answer outside 2xx.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.code, e.message) }

func badRequest(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "BAD_REQUEST", fmt.Sprintf(format, args...)}
}

func notFound(code, what, id string) error {
	return &apiError{http.StatusNotFound, code, fmt.Sprintf("%s with ID '%s' not found", what, id)}
}

// statusCodes are the codes that go with a status where nothing says otherwise.
var statusCodes = map[int]string{
	400: "BAD_REQUEST", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND",
	405: "METHOD_NOT_SUPPORTED", 408: "TIMEOUT", 409: "CONFLICT", 413: "PAYLOAD_TOO_LARGE",
	415: "UNSUPPORTED_MEDIA_TYPE", 422: "UNPROCESSABLE_CONTENT", 429: "RATE_LIMITED",
	500: "INTERNAL_SERVER_ERROR", 502: "BAD_GATEWAY", 503: "SERVICE_UNAVAILABLE", 504: "GATEWAY_TIMEOUT",
}

func tooMany(wait time.Duration) *apiError {
	return statusError(http.StatusTooManyRequests,
		fmt.Sprintf("Rate limit exceeded. Try again in %d seconds.", wholeSeconds(wait)))
}

func statusError(status int, message string) *apiError {
	return &apiError{status, statusCodes[status], message}
}

// response is what is written for one request.
type response struct {
	status int
	html   bool
	body   []byte
}

// in returns e as a response of the given shape.
func (e *apiError) in(shape ErrorShape) response {
	var v any
	switch shape {
	case ShapeHTML:
		return htmlPage(e.status)
	case ShapeOld:
		v = map[string]any{"error": http.StatusText(e.status), "message": e.message}
	case ShapeFramework:
		v = map[string]any{"defined": false, "code": e.code, "status": e.status, "message": e.message, "data": nil}
	case ShapeDocumented:
		fallthrough
	default:
		v = map[string]any{"error": map[string]any{"code": e.code, "message": e.message, "status": e.status}}
	}
	return response{status: e.status, body: encode(v)}
}

func htmlPage(status int) response {
	text := http.StatusText(status)
	page := "<!DOCTYPE html>\n<html><head><title>%d %s</title></head><body><h1>%s</h1></body></html>\n"
	return response{status: status, html: true, body: fmt.Appendf(nil, page, status, text, text)}
}

// encode is json.Marshal for values that always encode.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // unreachable: every value is built here, of plain types
	}
	return b
}
