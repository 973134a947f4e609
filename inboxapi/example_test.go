package inboxapi_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"inboxbot/inboxapi"
)

// api stands in for https://inboxapp.com/api/v1 in the examples.
func api(routes map[string]string) *httptest.Server {
	mux := http.NewServeMux()
	for route, body := range routes {
		mux.HandleFunc(route, says(200, body))
	}
	return httptest.NewServer(mux)
}

// List the threads that may wait for us and show who wrote last.
func Example() {
	srv := api(map[string]string{"GET /threads": `{"threads":[` + aThread + `],"nextCursor":null}`})
	defer srv.Close()

	client, err := inboxapi.New(inboxapi.Options{
		BaseURL: srv.URL, // leave it out for the real API
		Token:   "ibt_your-token",
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	for thread, err := range client.Threads(ctx, inboxapi.ThreadQuery{View: inboxapi.ViewNoReply}) {
		if errors.Is(err, inboxapi.ErrMalformed) {
			log.Print(err) // one row; the others still come
			continue
		} else if err != nil {
			log.Fatal(err)
		}
		if last := thread.LastMessage; last != nil && last.AuthorID != thread.AccountLinkID {
			fmt.Printf("@%s wrote %q\n", thread.Prospect.Username, last.Content)
		}
	}
	// Output: @jo wrote "hi"
}

// Send a message, at most once, and know afterwards what is known.
func ExampleClient_SendMessage() {
	srv := api(map[string]string{"POST /threads/th1/messages": aMessage})
	defer srv.Close()
	client, err := inboxapi.New(inboxapi.Options{BaseURL: srv.URL, Token: "ibt_your-token"})
	if err != nil {
		log.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	message, err := client.SendMessage(ctx, "th1", inboxapi.NewMessage{
		Content:  "Hello!",
		NotAfter: time.Now().Add(5 * time.Second), // rather not at all than later
	})
	switch {
	case err == nil:
		fmt.Println("sent as", message.ID)
	case inboxapi.Ambiguous(err):
		fmt.Println("nobody knows: look for it in the thread, do not send it again")
	default:
		fmt.Println("certainly not sent:", err)
	}
	// Output: sent as m9
}

// Change some fields of a prospect, clear one and leave the others.
func ExampleClient_UpdateProspectContext() {
	srv := api(map[string]string{"PATCH /prospects/px1/context": aPerson})
	defer srv.Close()
	client, err := inboxapi.New(inboxapi.Options{BaseURL: srv.URL, Token: "ibt_your-token"})
	if err != nil {
		log.Fatal(err)
	}

	prospect, err := client.UpdateProspectContext(context.Background(), "px1", inboxapi.ContextUpdate{
		AddTags:  []string{"t1"},
		StatusID: inboxapi.Clear[string](),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(prospect.Username, prospect.Context.Tags)
	// Output: jo [t1]
}

// Errors match sentinels; a limit says when to come back.
func ExampleError() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "60")
		says(429, `{"error":{"code":"RATE_LIMITED","message":"Rate limit exceeded. Try again in 60 seconds.","status":429}}`)(w, r)
	}))
	defer srv.Close()
	client, err := inboxapi.New(inboxapi.Options{BaseURL: srv.URL, Token: "ibt_your-token", Retries: -1})
	if err != nil {
		log.Fatal(err)
	}

	_, err = client.Team(context.Background())
	var e *inboxapi.Error
	if errors.Is(err, inboxapi.ErrRateLimited) && errors.As(err, &e) {
		fmt.Println("come back in", e.RetryAfter)
	}
	// Output: come back in 1m0s
}
