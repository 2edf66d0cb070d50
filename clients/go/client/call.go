// Package client calls a Counterfoil API, which gives documents, and a gateway, which takes records.
//
// Nothing that comes back is believed: give documents to verifier.Verify with a pin of your own.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"counterfoil.dev/go/verifier"
)

// Options is how a server is called. The zero value is a good one.
type Options struct {
	// Key is the one that the operator gave, cfk_…; none where it is empty.
	Key string
	// PromiseKeys are the keys of a gateway's promises, which come from your contract and not from the gateway. Without them whose key
	// signed a promise is not looked at.
	PromiseKeys []verifier.Key
	// HTTP sends the requests; one of this package's own where it is nil. Redirects are not followed.
	HTTP *http.Client
	// Timeout is how long a call may take with all its tries; 2 minutes where it is 0.
	Timeout time.Duration
	// AttemptTimeout is how long one try may take; 15 seconds where it is 0.
	AttemptTimeout time.Duration
	// Attempts is how often a request is sent at most; 10 where it is 0.
	Attempts int
}

// Error says why a call failed.
type Error struct {
	// Code is the server's, or no_answer, http_STATUS, wrong_answer, wrong_promise.
	Code string
	// Detail is what failed and what to do. It may hold texts of the server's.
	Detail string
	// Status is the answer's; 0 where none came.
	Status int
	// IsTemporary says that the call may be made again: of an append with the same IdempotencyKey, for it is not known whether the
	// record was accepted.
	IsTemporary bool
	// IdempotencyKey is the name of the request, of an append.
	IdempotencyKey string
	cause          error
	retryAfter     time.Duration
}

// Error gives code and detail.
func (e *Error) Error() string { return e.Code + ": " + e.Detail }

// Unwrap gives the cause, where there is one.
func (e *Error) Unwrap() error { return e.cause }

const (
	// maxAnswer is the longest answer, in bytes: as long as a document may be.
	maxAnswer  = verifier.MaxBytes
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// server is a server and how it is called.
type server struct {
	url     string
	options Options
	// pause waits between tries; a test takes no time.
	pause func(context.Context, time.Duration) error
}

func newServer(address string, options Options) (*server, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil ||
		parsed.RawQuery != "" || parsed.Fragment != "" {
		return nil, errors.New("client: the address is not http:// or https:// with a host, and a path at most")
	}
	// A key that no header can hold would look as if the server were away.
	if strings.IndexFunc(options.Key, func(character rune) bool { return character <= ' ' || character > '~' }) >= 0 {
		return nil, errors.New("client: the key is not of visible characters of ASCII")
	}
	sending := http.Client{}
	if options.HTTP != nil {
		sending = *options.HTTP
	}
	sending.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	options.HTTP = &sending
	if options.Timeout == 0 {
		options.Timeout = 2 * time.Minute
	}
	if options.AttemptTimeout == 0 {
		options.AttemptTimeout = 15 * time.Second
	}
	if options.Attempts == 0 {
		options.Attempts = 10
	}
	return &server{strings.TrimRight(address, "/"), options, sleep}, nil
}

// request is sent as often as it takes, with the same bytes.
type request struct {
	method, path string
	header       map[string]string
	body         []byte
}

// call sends a request until it is answered, and gives the answer, which is JSON. It gives an *Error, or the context's.
func (s *server) call(ctx context.Context, request request) ([]byte, error) {
	within, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		answer, problem := s.try(within, request)
		if problem == nil {
			return answer, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !problem.IsTemporary || attempt == s.options.Attempts {
			return nil, problem
		}
		// At random, so that callers who were refused together do not come together again.
		most := lastPause
		if shift := attempt - 1; shift < 7 {
			most = firstPause << shift
		}
		if s.pause(within, problem.retryAfter+randomBelow(most)) != nil {
			return nil, problem
		}
	}
}

// try sends a request once.
func (s *server) try(ctx context.Context, request request) ([]byte, *Error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.AttemptTimeout)
	defer cancel()
	noAnswer := func(err error) *Error {
		detail := fmt.Sprintf("%s %s: no whole answer came: %v", request.method, request.path, err)
		return &Error{Code: "no_answer", Detail: detail, IsTemporary: true, cause: err}
	}
	sent, err := http.NewRequestWithContext(ctx, request.method, s.url+request.path, bytes.NewReader(request.body))
	if err != nil {
		return nil, &Error{Code: "wrong_request", Detail: err.Error(), cause: err}
	}
	for name, value := range request.header {
		sent.Header.Set(name, value)
	}
	if s.options.Key != "" {
		sent.Header.Set("Authorization", "Bearer "+s.options.Key)
	}
	response, err := s.options.HTTP.Do(sent)
	if err != nil {
		return nil, noAnswer(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, noAnswer(err)
	case response.StatusCode/100 != 2:
		return nil, problemOf(response, body)
	case len(body) > maxAnswer:
		return nil, &Error{Code: "wrong_answer", Detail: fmt.Sprintf("the answer has more than %d bytes", maxAnswer)}
	case !json.Valid(body):
		return nil, noAnswer(errors.New("the answer is cut off"))
	}
	return body, nil
}

// problemOf is the problem that an answer tells.
func problemOf(response *http.Response, body []byte) *Error {
	var document struct{ Code, Detail string }
	problem := &Error{Status: response.StatusCode, retryAfter: retryAfter(response.Header.Get("Retry-After"))}
	if json.Unmarshal(body, &document) == nil && document.Code != "" {
		problem.Code, problem.Detail = document.Code, document.Detail
	} else {
		problem.Code = "http_" + strconv.Itoa(response.StatusCode)
		problem.Detail = fmt.Sprintf("the answer has status %d without a problem document: is this the right address?",
			response.StatusCode)
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		problem.IsTemporary = true
	case http.StatusConflict:
		// Of conflicts only those pass that say when to come again: a request of the same name that is under way.
		problem.IsTemporary = response.Header.Get("Retry-After") != ""
	}
	return problem
}

// retryAfter reads seconds or a date, as RFC 9110, section 10.2.3, has them.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil && time.Until(date) > 0 {
		return time.Until(date)
	}
	return 0
}

// sleep waits, and gives the context's error where that ends before.
func sleep(ctx context.Context, pause time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
		return context.DeadlineExceeded
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func randomBelow(most time.Duration) time.Duration {
	return time.Duration(binary.LittleEndian.Uint64(random(8)) % uint64(most))
}

// random gives random bytes. Linux has them at all times, so that there is no way to go on without them.
func random(length int) []byte {
	bytes := make([]byte, length)
	if _, err := rand.Read(bytes); err != nil {
		panic(err)
	}
	return bytes
}
