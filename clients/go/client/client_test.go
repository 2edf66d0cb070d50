package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"counterfoil.dev/go/verifier"
)

// promised is a promise of the vectors with its record, and the key that signed it.
func promised(t *testing.T) (document []byte, ledger, key verifier.Key, id verifier.RecordID) {
	t.Helper()
	var vectors struct {
		Pinned   string
		Promises []struct{ Promise json.RawMessage }
	}
	text, err := os.ReadFile("../../../docs/vectors/promise.json")
	if err == nil {
		err = json.Unmarshal(text, &vectors)
	}
	if err != nil {
		t.Fatal(err)
	}
	promise, err := verifier.ReadPromise(vectors.Promises[0].Promise)
	if err != nil {
		t.Fatal(err)
	}
	key, _ = verifier.ParseKey(vectors.Pinned)
	return vectors.Promises[0].Promise, promise.Ledger(), key, promise.Record().ID
}

// seen is a request that a server got.
type seen struct {
	method, path, key, authorization, contentType, body string
}

// scripted is a server that gives its answers one after the other, the last one again and again.
func scripted(t *testing.T, answers ...func(http.ResponseWriter)) (address string, requests *[]seen) {
	requests = &[]seen{}
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		header := request.Header
		at := len(*requests)
		*requests = append(*requests, seen{request.Method, request.URL.RequestURI(), header.Get("Idempotency-Key"),
			header.Get("Authorization"), header.Get("Content-Type"), string(body)})
		if at >= len(answers) {
			at = len(answers) - 1
		}
		answers[at](response)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

func status(code int, body string) func(http.ResponseWriter) {
	return func(response http.ResponseWriter) {
		response.WriteHeader(code)
		fmt.Fprint(response, body)
	}
}

// lost closes the connection in the middle of an answer.
func lost(response http.ResponseWriter) {
	response.Header().Set("Content-Length", "100")
	fmt.Fprint(response, `{"records"`)
}

func acceptance(id verifier.RecordID, promise string) string {
	return fmt.Sprintf(`{"records":[{"id":%q,"url":"/v1/records/%s"}],"promise":%s}`, id, id, promise)
}

func gatewayAt(t *testing.T, address string, options Options) *Gateway {
	t.Helper()
	gateway, err := NewGateway(address, options)
	if err != nil {
		t.Fatal(err)
	}
	gateway.server.pause = func(ctx context.Context, pause time.Duration) error {
		if pause < 0 || pause > lastPause {
			t.Errorf("it pauses for %v", pause)
		}
		return ctx.Err()
	}
	return gateway
}

func TestAnAppendIsSentAgainUnderOneNameUntilItIsAnswered(t *testing.T) {
	promise, ledger, key, id := promised(t)
	address, requests := scripted(t, lost, status(503, `{"code":"busy","detail":"x"}`), status(429, "a proxy's page"), status(200, `{"rec`),
		status(202, acceptance(id, string(promise))))
	gateway := gatewayAt(t, address, Options{Key: "cfk_x", PromiseKeys: []verifier.Key{key}})
	got, err := gateway.Append(context.Background(), ledger, []byte(`{"order":1}`), AppendOptions{})
	if err != nil || got.ID != id || string(got.Promise) != string(promise) || got.IdempotencyKey == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	want := seen{"POST", "/v1/ledgers/" + ledger.String() + "/records", `"` + got.IdempotencyKey + `"`, "Bearer cfk_x", "application/json",
		`{"order":1}`}
	if len(*requests) != 5 {
		t.Errorf("%d requests", len(*requests))
	}
	for _, request := range *requests {
		if request != want {
			t.Errorf("%+v", request)
		}
	}
}

func TestARefusalIsToldAtOnce(t *testing.T) {
	_, ledger, _, _ := promised(t)
	for _, answer := range []struct {
		status            int
		body, code        string
		isTemporary       bool
		requests, attempt int
	}{
		{422, `{"code":"idempotency_key_reused","detail":"x"}`, "idempotency_key_reused", false, 1, 3},
		{404, "not found", "http_404", false, 1, 3}, {302, "", "http_302", false, 1, 3}, {409, `{}`, "http_409", false, 1, 3},
		{503, `{"code":"busy","detail":"x"}`, "busy", true, 3, 3}, {500, "", "http_500", false, 1, 3},
	} {
		address, requests := scripted(t, status(answer.status, answer.body))
		gateway := gatewayAt(t, address, Options{Attempts: answer.attempt})
		_, err := gateway.Append(context.Background(), ledger, []byte("{}"), AppendOptions{IdempotencyKey: "name"})
		var problem *Error
		if !errors.As(err, &problem) || problem.Code != answer.code || problem.IsTemporary != answer.isTemporary ||
			problem.IdempotencyKey != "name" || problem.Status != answer.status || len(*requests) != answer.requests {
			t.Errorf("%d: %+v after %d requests", answer.status, err, len(*requests))
		}
	}
}

func TestAPromiseThatDoesNotHoldIsNoAcceptance(t *testing.T) {
	promise, ledger, key, id := promised(t)
	otherID := id
	otherID[15] ^= 1
	broken := strings.Replace(string(promise), `"copies": "2"`, `"copies": "3"`, 1)
	for name, one := range map[string]struct {
		answer string
		ledger verifier.Key
		keys   []verifier.Key
		code   string
	}{
		"none":            {acceptance(id, "null"), ledger, []verifier.Key{key}, ""},
		"another key":     {acceptance(id, string(promise)), ledger, []verifier.Key{{1}}, "wrong_promise"},
		"no key":          {acceptance(id, string(promise)), ledger, nil, ""},
		"another record":  {acceptance(otherID, string(promise)), ledger, nil, "wrong_promise"},
		"another ledger":  {acceptance(id, string(promise)), verifier.Key{2}, nil, "wrong_promise"},
		"another promise": {acceptance(id, broken), ledger, nil, "wrong_promise"},
		"no record":       {`{"records":[],"promise":null}`, ledger, nil, "wrong_answer"},
		"no id":           {`{"records":[{"id":"x"}],"promise":null}`, ledger, nil, "wrong_answer"},
	} {
		address, _ := scripted(t, status(202, one.answer))
		_, err := gatewayAt(t, address, Options{PromiseKeys: one.keys}).Append(context.Background(), one.ledger, nil, AppendOptions{})
		var problem *Error
		errors.As(err, &problem)
		if one.code == "" && err != nil || one.code != "" && (problem == nil || problem.Code != one.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWaitingEndsWithTheStateOrTheContext(t *testing.T) {
	_, ledger, _, id := promised(t)
	record := func(state State, receipt string) func(http.ResponseWriter) {
		return status(200, fmt.Sprintf(`{"id":%q,"ledger":%q,"state":%q,"receipt":%s}`, id, ledger, state, receipt))
	}
	address, requests := scripted(t, record(Accepted, "null"), record(Confirmed, "null"), record(Checked, `{"format":"x"}`))
	got, err := gatewayAt(t, address, Options{}).Wait(context.Background(), id, Checked)
	if err != nil || got.State != Checked || string(got.Receipt) != `{"format":"x"}` || got.Ledger != ledger || len(*requests) != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	address, _ = scripted(t, record(Accepted, "null"))
	gateway := gatewayAt(t, address, Options{})
	if got, err := gateway.Wait(context.Background(), id, Accepted); err != nil || got.State != Accepted {
		t.Errorf("%+v, %v", got, err)
	}
	// A pause that would go beyond the end is not begun.
	ended, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	gateway.server.pause = func(ctx context.Context, _ time.Duration) error { return sleep(ctx, 2*time.Hour) }
	if _, err := gateway.Wait(ended, id, Checked); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := gateway.Wait(cancelled, id, Checked); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := gateway.Wait(context.Background(), id, "far"); err == nil {
		t.Error("a state that there is not")
	}
}

func TestAnAPIGivesDocuments(t *testing.T) {
	_, ledger, _, _ := promised(t)
	address, requests := scripted(t, status(200, `{"a":1}`))
	api, err := NewAPI(address+"/path/", Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for path, read := range map[string]func() ([]byte, error){
		"/entries/7/receipt":                 func() ([]byte, error) { return api.Receipt(ctx, ledger, 7) },
		"/entries?first=3&limit=2":           func() ([]byte, error) { return api.Page(ctx, ledger, verifier.Entries, 3, 2) },
		"/events?first=0":                    func() ([]byte, error) { return api.Page(ctx, ledger, verifier.Events, 0, 0) },
		"/consistency?log=entries&first=100": func() ([]byte, error) { return api.Consistency(ctx, ledger, verifier.Entries, 100) },
	} {
		document, err := read()
		last := (*requests)[len(*requests)-1]
		if err != nil || string(document) != `{"a":1}` || last.path != "/path/v1/ledgers/"+ledger.String()+path || last.method != "GET" {
			t.Errorf("%s: %v, %+v", path, err, last)
		}
	}
}

func TestWhatNoServerTakesIsRefusedBeforeItIsSent(t *testing.T) {
	for _, address := range []string{"", "x", "ftp://a", "http://", "http://a?b", "http://u:p@a", "http://a#b"} {
		if _, err := NewGateway(address, Options{}); err == nil {
			t.Errorf("%q", address)
		}
	}
	for _, key := range []string{"a b", "a\n", "é"} {
		if _, err := NewAPI("http://a", Options{Key: key}); err == nil {
			t.Errorf("%q", key)
		}
	}
	address, requests := scripted(t, status(500, ""))
	for _, options := range []AppendOptions{{IdempotencyKey: `"`}, {IdempotencyKey: strings.Repeat("x", 256)}, {Stream: "\n"}, {Subject: "é"},
		{ContentType: "a\r\nb: c"}} {
		if _, err := gatewayAt(t, address, Options{}).Append(context.Background(), verifier.Key{}, nil, options); err == nil || len(*requests) > 0 {
			t.Errorf("%+v: %v", options, err)
		}
	}
}

func TestTheTimeThatAServerAsksForIsRead(t *testing.T) {
	for header, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "-1": 0, "x": 0, "99999999999": 0,
		"Thu, 01 Jan 1970 00:00:00 GMT": 0} {
		if got := retryAfter(header); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
	if far := retryAfter("Fri, 31 Dec 9999 23:59:59 GMT"); far < time.Hour {
		t.Error(far)
	}
}
