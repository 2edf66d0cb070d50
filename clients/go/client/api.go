package client

import (
	"context"
	"fmt"
	"net/http"

	"counterfoil.dev/go/verifier"
)

// API is a server that gives documents about ledgers. Each method gives the bytes of one document, for verifier.Verify, and an
// *Error or the context's error.
type API struct{ server *server }

// NewAPI makes one of an address, with the path before /v1 where there is one. It gives an error where that is none, or the key fits
// no header.
func NewAPI(address string, options Options) (*API, error) {
	server, err := newServer(address, options)
	if err != nil {
		return nil, err
	}
	return &API{server}, nil
}

// Receipt gives the receipt of an entry.
func (a *API) Receipt(ctx context.Context, ledger verifier.Key, index uint64) ([]byte, error) {
	return a.read(ctx, ledger, fmt.Sprintf("/entries/%d/receipt", index))
}

// Page gives entries or events from a number on, with their certificate; as many as the server gives at once where limit is 0.
func (a *API) Page(ctx context.Context, ledger verifier.Key, log verifier.Log, first, limit uint64) ([]byte, error) {
	path := fmt.Sprintf("/%s?first=%d", log, first)
	if limit > 0 {
		path += fmt.Sprintf("&limit=%d", limit)
	}
	return a.read(ctx, ledger, path)
}

// Consistency gives the proof that the log's checked head extends the one of first leaves.
func (a *API) Consistency(ctx context.Context, ledger verifier.Key, log verifier.Log, first uint64) ([]byte, error) {
	return a.read(ctx, ledger, fmt.Sprintf("/consistency?log=%s&first=%d", log, first))
}

func (a *API) read(ctx context.Context, ledger verifier.Key, path string) ([]byte, error) {
	return a.server.call(ctx, request{method: http.MethodGet, path: "/v1/ledgers/" + ledger.String() + path})
}
