package verifier

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"counterfoil.dev/go/internal/compare"
	json "counterfoil.dev/go/internal/strictjson"
	"counterfoil.dev/go/internal/text"
	"counterfoil.dev/go/merkle"
)

// PromiseFault says why a promise is not believed.
type PromiseFault string

// The faults of promises.
const (
	PromiseUnreadable PromiseFault = "unreadable"
	// PromiseOutOfRange: a size or an index is beyond the largest tree.
	PromiseOutOfRange PromiseFault = "out_of_range"
	// PromiseOfNothing: it is of no record.
	PromiseOfNothing PromiseFault = "no_records"
	// PromiseUnheld: no machine held the records.
	PromiseUnheld PromiseFault = "no_copies"
	// PromiseNotSigned: its key did not sign it.
	PromiseNotSigned PromiseFault = "not_signed"
	// PromiseOfAnotherRecord: its record is not one of those that it is of.
	PromiseOfAnotherRecord PromiseFault = "record"
	// PromiseByAnotherKey: its key is none of the pinned ones.
	PromiseByAnotherKey PromiseFault = "other_key"
)

// PromiseError says why a promise is not believed.
type PromiseError struct {
	Fault PromiseFault
	// Where is the member, where the fault is of one.
	Where string
	// Detail is a sentence for people. Texts of the promise's are escaped in it.
	Detail string
}

// Error gives the detail.
func (e *PromiseError) Error() string { return e.Detail }

// RecordID is a record's name, a UUID of version 7. Its text is lowercase with hyphens.
type RecordID [16]byte

// String gives lowercase hexadecimal with hyphens.
func (r RecordID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", r[:4], r[4:6], r[6:8], r[8:10], r[10:])
}

// MarshalText gives lowercase hexadecimal with hyphens.
func (r RecordID) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// ParseRecordID reads a record's name in its one form, and says whether the text is one.
func ParseRecordID(text string) (RecordID, bool) {
	var id RecordID
	if len(text) != 36 {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text[:8]+text[9:13]+text[14:18]+text[19:23]+text[24:]))
	return id, err == nil && isRecordID(id) && id.String() == text
}

// Record is one record: what a promise is of.
type Record struct {
	ID RecordID `json:"id"`
	// Commitment is SHA-256 of salt and content.
	Commitment merkle.Hash `json:"commitment"`
}

// Promise is a promise that its own key signed, whosever that is: until when the accepted records of a request will be in a ledger.
// Only ReadPromise makes one. Source: docs/protocol.md, section 10.
type Promise struct {
	of          origin
	from, count uint64
	deadline    int64
	root        merkle.Hash
	copies      uint32
	key         Key
	signature   [64]byte
	record      *Record
	recordIndex uint64
	recordProof []merkle.Hash
}

// Ledger gives the ledger that the records will be in.
func (p *Promise) Ledger() Key { return p.of.ledger }

// Key gives the key that signed it.
func (p *Promise) Key() Key { return p.key }

// Deadline gives the last second, since 1970, by the chain's clock.
func (p *Promise) Deadline() int64 { return p.deadline }

// Record gives the record that is shown to be one of its own; nil where it shows none.
func (p *Promise) Record() *Record { return p.record }

// ReadPromise reads a promise and verifies that its own key signed it, and that its record is one of those that it is of. It gives a
// *PromiseError. Whose key it is remains open: see IsBy.
func ReadPromise(document []byte) (*Promise, error) {
	value, err := json.Parse(document)
	if err != nil {
		return nil, unreadablePromise(err)
	}
	promise, err := readPromise(value)
	if err != nil {
		return nil, unreadablePromise(err)
	}
	if fault, detail := promise.check(); fault != "" {
		return nil, &PromiseError{Fault: fault, Detail: detail}
	}
	return promise, nil
}

// IsBy gives a *PromiseError unless one of these keys signed it. They come from elsewhere than the promise.
func (p *Promise) IsBy(pinned []Key) error {
	for _, key := range pinned {
		if key == p.key {
			return nil
		}
	}
	detail := fmt.Sprintf("%s signed it, which is none of the keys that you rely on", p.key)
	return &PromiseError{Fault: PromiseByAnotherKey, Where: "key", Detail: detail}
}

func unreadablePromise(err *json.Error) error {
	return &PromiseError{PromiseUnreadable, err.Place, text.Plain("it is not a promise: " + err.Problem)}
}

func readPromise(value any) (*Promise, *json.Error) {
	document := json.Open(value)
	var read Promise
	if format := json.Read(document, "format", json.Text); format != promiseFormat {
		document.Fail(json.Problem("the format \"%s\" is not \"%s\"", text.Plain(format), promiseFormat))
	}
	read.of = readOrigin(document)
	read.from, read.deadline = json.Read(document, "from", json.Uint64), json.Read(document, "deadline", json.Int64)
	json.Read(document, "records", func(value any) (none struct{}, err *json.Error) {
		records := json.Open(value)
		read.count, read.root = json.Read(records, "count", json.Uint64), json.Read(records, "root", readHash)
		return none, records.Close()
	})
	read.copies = json.Read(document, "copies", readUint32)
	read.key, read.signature = json.Read(document, "key", readKey), json.Read(document, "signature", json.Signature)
	json.Optional(document, "record", func(value any) (none struct{}, err *json.Error) {
		record := json.Open(value)
		read.recordIndex = json.Read(record, "index", json.Uint64)
		read.record = &Record{json.Read(record, "id", readRecordID), json.Read(record, "commitment", readHash)}
		read.recordProof = json.Read(record, "proof", readProof)
		return none, record.Close()
	})
	return &read, document.Close()
}

func readUint32(value any) (uint32, *json.Error) {
	number, err := json.Uint64(value)
	if err == nil && number>>32 != 0 {
		err = json.Problem("not a number of 32 bits")
	}
	return uint32(number), err
}

func readRecordID(value any) (RecordID, *json.Error) {
	name, err := json.Text(value)
	if err != nil {
		return RecordID{}, err
	}
	id, ok := ParseRecordID(name)
	if !ok {
		return RecordID{}, json.Problem("a record id is a UUID of version 7, in lowercase with hyphens")
	}
	return id, nil
}

// check verifies all but whose key it is.
func (p *Promise) check() (PromiseFault, string) {
	switch {
	case p.from > merkle.MaxSize:
		return PromiseOutOfRange, outOfRange(p.from)
	case p.count > merkle.MaxSize:
		return PromiseOutOfRange, outOfRange(p.count)
	case p.count == 0:
		return PromiseOfNothing, "it is of no record"
	case p.copies == 0:
		return PromiseUnheld, "it says that no machine held the records"
	case !compare.Signature((*[32]byte)(&p.key), p.signingBytes(), &p.signature):
		return PromiseNotSigned, fmt.Sprintf("%s did not sign it", p.key)
	case p.record == nil:
		return "", ""
	case p.recordIndex >= merkle.MaxSize:
		return PromiseOutOfRange, outOfRange(p.recordIndex)
	}
	leaf := merkle.HashLeaf(append(append([]byte{}, p.record.ID[:]...), p.record.Commitment[:]...))
	if err := merkle.VerifyInclusion(merkle.Head{Size: p.count, Root: p.root}, p.recordIndex, leaf, p.recordProof); err != nil {
		return PromiseOfAnotherRecord, "its record is not one of those that it is of: " + err.Error()
	}
	return "", ""
}

// signingBytes are the 179 bytes that the key signs.
func (p *Promise) signingBytes() []byte {
	bytes := []byte(promiseFormat + "\n")
	for _, key := range []Key{p.of.genesisHash, p.of.program, p.of.ledger} {
		bytes = append(bytes, key[:]...)
	}
	for _, number := range []uint64{p.from, uint64(p.deadline), p.count} {
		bytes = binary.LittleEndian.AppendUint64(bytes, number)
	}
	return binary.LittleEndian.AppendUint32(append(bytes, p.root[:]...), p.copies)
}
