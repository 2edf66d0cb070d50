// Package verifier verifies what Counterfoil gives out, without a request: receipts, pages with their certificate, evidence,
// consistency proofs, and promises.
//
// Bytes and a pin go in, a verdict comes out. No input panics, and none takes more memory than some multiple of its length, which
// is at most 64 MiB. The formats are those of docs/protocol.md.
package verifier

import (
	"counterfoil.dev/go/internal/text"
	"counterfoil.dev/go/merkle"
)

// Word is a verdict's first word.
type Word string

// The words.
const (
	// Verified: the document holds together and leads to a head that was pinned.
	Verified Word = "verified"
	// Refused: something contradicts, within the document or with the pin.
	Refused Word = "refused"
	// CannotTell: neither.
	CannotTell Word = "cannot_tell"
	// Consistent: a consistency proof leads on from a pinned head, and anybody could have made the newer one.
	Consistent Word = "consistent"
)

// Kind is what a document is.
type Kind string

// The kinds of documents.
const (
	Receipt     Kind = "receipt"
	Certificate Kind = "certificate"
	Evidence    Kind = "evidence"
	Consistency Kind = "consistency"
)

// Log is one of a ledger's two logs.
type Log string

// The logs.
const (
	Entries Log = "entries"
	Events  Log = "events"
)

// Key is 32 bytes that name a cluster, a program, a ledger, a wallet, or the signer of promises. Its text is base58.
type Key [32]byte

// ParseKey reads base58 of 32 bytes, and says whether the text is that.
func ParseKey(base58 string) (Key, bool) {
	key, ok := text.Base58Key(base58)
	return key, ok
}

// String gives base58.
func (k Key) String() string { return text.Base58(k[:]) }

// MarshalText gives base58.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogHead is a head of one of the logs.
type LogHead struct {
	Log Log `json:"log"`
	merkle.Head
}

// Comparison is two values that were compared.
type Comparison struct {
	What     string `json:"what"`
	Found    string `json:"found"`
	Expected string `json:"expected"`
	// By says whose word the expected value is: "pin", or "document" where a document is compared with itself.
	By    string `json:"by"`
	Equal bool   `json:"equal"`
}

// Claims is what a document says of itself, unproven.
type Claims struct {
	// The names; a consistency proof has none.
	GenesisHash *Key      `json:"genesis_hash,omitempty"`
	Program     *Key      `json:"program,omitempty"`
	Ledger      *Key      `json:"ledger,omitempty"`
	Heads       []LogHead `json:"heads"`
}

// Facts is what was shown.
type Facts struct {
	Index    *uint64      `json:"index,string,omitempty"`
	LeafHash *merkle.Hash `json:"leaf_hash,omitempty"`
	Payload  []byte       `json:"payload,omitempty"`
	Log      Log          `json:"log,omitempty"`
	From     *uint64      `json:"from,string,omitempty"`
	To       *uint64      `json:"to,string,omitempty"`
	// Event is there where a head of the events was pinned.
	Event *Event `json:"event,omitempty"`
}

// Event says who appended, and when.
type Event struct {
	Seq    uint64 `json:"seq,string"`
	Signer Key    `json:"signer"`
	Slot   uint64 `json:"slot,string"`
	// UnixTime is by the chain's clock, in seconds since 1970.
	UnixTime int64 `json:"unix_time,string"`
}

// Verdict is the word on a document with what it rests on. As JSON it is the one of clients/verifier.
type Verdict struct {
	Verdict Word `json:"verdict"`
	Kind    Kind `json:"kind,omitempty"`
	// Reason is a sentence. Texts of the document's are escaped in it.
	Reason string `json:"reason"`
	// Where is the member or the line that the verdict is of.
	Where      string       `json:"where,omitempty"`
	Compared   []Comparison `json:"compared"`
	Checked    []string     `json:"checked"`
	NotChecked []string     `json:"not_checked"`
	// Claims is never there with a refusal.
	Claims *Claims `json:"claims,omitempty"`
	// Facts is there with Verified alone.
	Facts *Facts `json:"facts,omitempty"`
}

// origin is the names that a document gives itself.
type origin struct{ genesisHash, program, ledger Key }

// fault is why there is no better verdict.
type fault struct {
	word          Word
	reason, place string
}

func refused(place, reason string) *fault    { return &fault{Refused, reason, place} }
func cannotTell(place, reason string) *fault { return &fault{CannotTell, reason, place} }

// verdict gives the verdict of a fault.
func (f *fault) verdict(kind Kind, compared []Comparison) Verdict {
	return Verdict{
		Verdict: f.word, Kind: kind, Reason: text.Plain(f.reason), Where: f.place,
		Compared: append([]Comparison{}, compared...), Checked: []string{}, NotChecked: []string{},
	}
}
