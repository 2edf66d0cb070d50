package client

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"counterfoil.dev/go/verifier"
)

// State is how far a record is. Each includes those before it.
type State string

// The states of a record, in their order.
const (
	Accepted  State = "accepted"
	Sealed    State = "sealed"
	Confirmed State = "confirmed"
	Finalized State = "finalized"
	// Checked: there is a receipt.
	Checked State = "checked"
)

var states = []State{Accepted, Sealed, Confirmed, Finalized, Checked}

func rank(state State) int {
	for at, one := range states {
		if one == state {
			return at
		}
	}
	return -1
}

// Record is one record, as the gateway tells of it.
type Record struct {
	ID     verifier.RecordID
	Ledger verifier.Key
	State  State
	// Promise is a document for verifier.VerifyPromise; nil where nothing is promised.
	Promise []byte
	// Receipt is a document for verifier.Verify; nil before the record is checked.
	Receipt []byte
}

// AppendOptions is the facts of a record in addition to its content.
type AppendOptions struct {
	// ContentType is its media type; JSON where it is empty.
	ContentType string
	// Stream is the stream that it belongs to, and Subject what it is about; none where they are empty.
	Stream, Subject string
	// Time is when it happened; when the gateway got it, where it is zero.
	Time time.Time
	// IdempotencyKey is the name of the request: the same request under it is accepted once. A random one where it is empty. It is best
	// made from what the record is about, so that it outlives the process.
	IdempotencyKey string
}

// Appended is a record that is on the gateway's disk.
type Appended struct {
	ID verifier.RecordID
	// Promise is a document for verifier.VerifyPromise, which makes silence provable: keep it. Nil where nothing is promised.
	Promise []byte
	// IdempotencyKey is the name of the request.
	IdempotencyKey string
}

const (
	firstLook = 100 * time.Millisecond
	lastLook  = 2 * time.Second
)

// Gateway takes records.
type Gateway struct{ server *server }

// NewGateway makes one of an address, with the path before /v1 where there is one. It gives an error where that is none, or the key
// fits no header.
func NewGateway(address string, options Options) (*Gateway, error) {
	server, err := newServer(address, options)
	if err != nil {
		return nil, err
	}
	return &Gateway{server}, nil
}

// Append appends a record. It is on the gateway's disk then, and on its way to the ledger.
//
// While the gateway is away or busy the same bytes are sent again under the same name, so that the record is accepted once. It
// gives an *Error, or the context's error: of a temporary one, and of the context's, it is not known whether the record was accepted.
func (g *Gateway) Append(ctx context.Context, ledger verifier.Key, content []byte, options AppendOptions) (Appended, error) {
	name := options.IdempotencyKey
	if name == "" {
		name = hex.EncodeToString(random(16))
	}
	header, err := headersOf(name, options)
	if err != nil {
		return Appended{}, err
	}
	path := "/v1/ledgers/" + ledger.String() + "/records"
	answer, err := g.server.call(ctx, request{http.MethodPost, path, header, append([]byte(nil), content...)})
	if err != nil {
		return Appended{}, named(err, name)
	}
	var accepted struct {
		Records []struct{ ID string }
		Promise json.RawMessage
	}
	if err := json.Unmarshal(answer, &accepted); err != nil || len(accepted.Records) != 1 {
		return Appended{}, named(wrongAnswer("it is not the acceptance of one record"), name)
	}
	id, ok := verifier.ParseRecordID(accepted.Records[0].ID)
	if !ok {
		return Appended{}, named(wrongAnswer("the record's id is none"), name)
	}
	promise, err := g.readPromise(accepted.Promise, ledger, id)
	return Appended{id, promise, name}, named(err, name)
}

// Record gives a record: how far it is, its promise, and its receipt once it is checked. It gives an *Error or the context's error.
func (g *Gateway) Record(ctx context.Context, id verifier.RecordID) (Record, error) {
	answer, err := g.server.call(ctx, request{method: http.MethodGet, path: "/v1/records/" + id.String()})
	if err != nil {
		return Record{}, err
	}
	var told struct {
		ID, Ledger       string
		State            State
		Promise, Receipt json.RawMessage
	}
	if json.Unmarshal(answer, &told) != nil || told.ID != id.String() || rank(told.State) < 0 {
		return Record{}, wrongAnswer("it is not the record that was asked for")
	}
	ledger, ok := verifier.ParseKey(told.Ledger)
	if !ok {
		return Record{}, wrongAnswer("the record's ledger is none")
	}
	promise, err := g.readPromise(told.Promise, ledger, id)
	return Record{id, ledger, told.State, promise, document(told.Receipt)}, err
}

// Wait waits until a record is in a state, or further. It asks until the context ends, and gives its error then, or an *Error.
func (g *Gateway) Wait(ctx context.Context, id verifier.RecordID, state State) (Record, error) {
	if rank(state) < 0 {
		return Record{}, fmt.Errorf("client: %q is no state of a record", string(state))
	}
	for pause := firstLook; ; pause *= 2 {
		record, err := g.Record(ctx, id)
		if err != nil || rank(record.State) >= rank(state) {
			return record, err
		}
		if pause > lastLook {
			pause = lastLook
		}
		// Half of it at random, so that those who began together do not ask together.
		if err := g.server.pause(ctx, pause/2+randomBelow(pause/2)); err != nil {
			return record, err
		}
	}
}

// readPromise gives the promise that an answer has. It must hold, by a pinned key where any is pinned, and be of this record.
func (g *Gateway) readPromise(told json.RawMessage, ledger verifier.Key, id verifier.RecordID) ([]byte, error) {
	promised := document(told)
	if promised == nil {
		return nil, nil
	}
	promise, err := verifier.ReadPromise(promised)
	if err == nil && len(g.server.options.PromiseKeys) > 0 {
		err = promise.IsBy(g.server.options.PromiseKeys)
	}
	if err == nil && (promise.Ledger() != ledger || promise.Record() == nil || promise.Record().ID != id) {
		err = errors.New("it is of another ledger or record")
	}
	if err != nil {
		return nil, &Error{Code: "wrong_promise", Detail: "the promise does not hold: " + err.Error(), cause: err}
	}
	return promised, nil
}

// document gives the bytes of a member; nil where it is absent or null.
func document(told json.RawMessage) []byte {
	if len(told) == 0 || string(told) == "null" {
		return nil
	}
	return told
}

func headersOf(name string, options AppendOptions) (map[string]string, error) {
	header := map[string]string{"Content-Type": "application/json"}
	if !isVisible(name) || strings.ContainsAny(name, `"\`) {
		return nil, errors.New("client: a name for a request has 1 to 255 visible characters of ASCII, without \" and \\")
	}
	header["Idempotency-Key"] = `"` + name + `"`
	for field, value := range map[string]string{
		"Content-Type": options.ContentType, "Counterfoil-Stream": options.Stream, "Counterfoil-Subject": options.Subject,
	} {
		if value == "" {
			continue
		}
		if !isVisible(value) {
			return nil, fmt.Errorf("client: %s has 1 to 255 visible characters of ASCII", field)
		}
		header[field] = value
	}
	if !options.Time.IsZero() {
		header["Counterfoil-Time"] = options.Time.UTC().Format(time.RFC3339Nano)
	}
	return header, nil
}

func isVisible(text string) bool {
	isOther := func(character rune) bool { return character < ' ' || character > '~' }
	return 1 <= len(text) && len(text) <= 255 && strings.IndexFunc(text, isOther) < 0
}

func wrongAnswer(why string) error { return &Error{Code: "wrong_answer", Detail: why} }

// named gives an error the name of its request.
func named(err error, name string) error {
	var problem *Error
	if errors.As(err, &problem) {
		problem.IdempotencyKey = name
	}
	return err
}
