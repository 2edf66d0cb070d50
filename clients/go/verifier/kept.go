package verifier

import (
	"fmt"
	"math"

	"counterfoil.dev/go/internal/compare"
)

// PromiseWord is the word on a promise, of one of its records.
type PromiseWord string

// The words on promises.
const (
	// Kept: the record is in an entry whose event is not after the deadline.
	Kept PromiseWord = "kept"
	// Broken: no event up to the deadline appended it.
	Broken PromiseWord = "broken"
	// Due: the deadline has not passed.
	Due PromiseWord = "due"
	// Untold: neither can be told.
	Untold PromiseWord = "cannot_tell"
)

// Found is an entry that is a statement of a record, and the event that appended it.
type Found struct {
	Index uint64 `json:"index,string"`
	Event
}

// PromiseProof is what a promise is judged by.
type PromiseProof struct {
	// Document is a receipt, or evidence, of the promise's ledger; nil for none.
	Document []byte
	// Pin is what the document is compared with: a head of the events in it shows the events.
	Pin Pin
	// ChainTime is the newest time of the chain that servers have shown, in seconds since 1970; nil for none.
	ChainTime *int64
}

// PromiseVerdict is the word on a promise with what it rests on.
type PromiseVerdict struct {
	// Verdict is Verified of a promise that was kept, Refused of one that was broken or is not to be believed, CannotTell of one that
	// is due or that nothing can be told of, and Consistent where no key was pinned.
	Verdict Word `json:"verdict"`
	// Promise is empty where the promise, or the proof, is not to be believed.
	Promise PromiseWord `json:"promise,omitempty"`
	// Reason is a sentence. Texts of the documents' are escaped in it.
	Reason string `json:"reason"`
	// Where is the member of the promise that a refusal is of.
	Where string `json:"where,omitempty"`
	// Proof is the verdict on the receipt or evidence, where there is one.
	Proof *Verdict `json:"proof,omitempty"`
	// Found is the entry that has the record, where a word rests on it.
	Found *Found `json:"found,omitempty"`
}

// VerifyPromise verifies a promise by the keys that the caller relies on, and tells whether it was kept. Without a key the best
// verdict is Consistent. Source: docs/protocol.md, section 10.
func VerifyPromise(document []byte, keys []Key, proof PromiseProof) PromiseVerdict {
	promise, err := ReadPromise(document)
	if err == nil && len(keys) > 0 {
		err = promise.IsBy(keys)
	}
	if err != nil {
		verdict := PromiseVerdict{Verdict: Refused, Reason: "the promise is not to be believed: " + err.Error()}
		if fault, ok := err.(*PromiseError); ok {
			verdict.Where = fault.Where
		}
		return verdict
	}
	findings := &findings{promise: promise, void: noProof}
	if promise.record == nil {
		findings.void = noRecord
	}
	var shown *Verdict
	if proof.Document != nil {
		verdict := verify(proof.Document, proof.Pin, findings)
		if shown = &verdict; verdict.Claims == nil {
			return PromiseVerdict{Verdict: verdict.Verdict, Reason: "of the proof: " + verdict.Reason, Proof: shown}
		}
	}
	verdict := findings.conclude(proof.ChainTime, shown != nil && shown.Facts != nil && shown.Facts.Event != nil)
	verdict.Proof = shown
	if isTold := verdict.Promise == Kept || verdict.Promise == Broken; isTold && len(keys) == 0 {
		verdict.Verdict = Consistent
		verdict.Reason = "anybody can sign a promise, and you pinned no key: " + verdict.Reason
	}
	return verdict
}

const (
	noRecord    = "the promise shows no record: its member `record` is needed"
	noProof     = "a receipt of the record is needed, or evidence"
	otherLedger = "the proof is of another ledger, program or cluster than the promise"
	otherEntry  = "the receipt's entry does not have the record"
	notShown    = "the verdict rests on events, and no head of the events that you pinned shows them"
)

// findings is what was read about a promise. It is worth nothing before the verdict on the document that was read.
type findings struct {
	promise *Promise
	// void says why nothing that was read counts.
	void         string
	inTime, late *Found
	// header is that of the evidence that was read, if any.
	header   *evidenceHeader
	lastTime int64
	// isFalling says whether the times of its events fall.
	isFalling bool
	// newest is the newest time of an event that was read.
	newest *int64
}

func (f *findings) begin(of origin, header *evidenceHeader) {
	f.header, f.lastTime, f.void = header, math.MinInt64, ""
	if f.promise.record == nil {
		f.void = noRecord
	} else if of != f.promise.of {
		f.void = otherLedger
	}
}

func (f *findings) event(event *eventLeaf) {
	time := event.event.UnixTime
	f.isFalling = f.isFalling || time < f.lastTime
	f.lastTime = time
	if f.void == "" && (f.newest == nil || *f.newest < time) {
		f.newest = &time
	}
}

func (f *findings) entry(event *eventLeaf, index uint64, payload []byte) {
	if f.void != "" {
		return
	}
	statement, ok := decodeStatement(payload)
	isIt := ok && statement.of == f.promise.of && statement.recordID == f.promise.record.ID &&
		compare.Hashes(statement.commitment, f.promise.record.Commitment)
	place := &f.late
	if event.event.UnixTime <= f.promise.deadline {
		place = &f.inTime
	}
	if isIt && *place == nil {
		*place = &Found{index, event.event}
	}
	if f.header == nil && !isIt {
		f.void = otherEntry
	}
}

// conclude gives the word, by the chain's time that servers have shown and whether the events are shown.
func (f *findings) conclude(chainTime *int64, isShown bool) PromiseVerdict {
	deadline := f.promise.deadline
	gap := f.gap()
	switch isTold := f.inTime != nil || gap == ""; {
	case isTold && !isShown:
		return PromiseVerdict{Verdict: CannotTell, Promise: Untold, Reason: notShown}
	case f.inTime != nil:
		reason := fmt.Sprintf("the promise is kept: entry %d has the record, appended at %d by the chain's clock, and the deadline "+
			"is %d", f.inTime.Index, f.inTime.UnixTime, deadline)
		return PromiseVerdict{Verdict: Verified, Promise: Kept, Reason: reason, Found: f.inTime}
	case isTold:
		reason := fmt.Sprintf("the promise is broken: of all entries from %d up to %d none up to the deadline, %d, has the record",
			f.header.entries.from, f.header.entries.to, deadline)
		return PromiseVerdict{Verdict: Refused, Promise: Broken, Reason: reason, Found: f.late}
	}
	// Events alone do not tell how late it is: the chain's clock goes on without them.
	if chainTime != nil && *chainTime <= deadline && (f.newest == nil || *f.newest <= deadline) {
		reason := fmt.Sprintf("the promise is due: the deadline is %d, and it is %d by the chain's clock", deadline, *chainTime)
		return PromiseVerdict{Verdict: CannotTell, Promise: Due, Reason: reason}
	}
	reason := "whether the promise was kept cannot be told: " + gap
	return PromiseVerdict{Verdict: CannotTell, Promise: Untold, Reason: reason, Found: f.late}
}

// gap is what is missing to tell that no event up to the deadline has the record; empty where nothing is.
func (f *findings) gap() string {
	if f.void == noRecord || f.void == otherLedger {
		return f.void
	}
	gap := f.gapOfEvidence()
	if gap != "" && f.late != nil {
		return fmt.Sprintf("entry %d has the record, appended after the deadline: evidence of all entries from the promise's first one "+
			"up to it is needed, for an earlier one may have it, too", f.late.Index)
	}
	return gap
}

func (f *findings) gapOfEvidence() string {
	switch {
	case f.void != "":
		return f.void
	case f.header == nil:
		return noProof
	case !f.header.hasContent:
		return "the evidence has entries by their hashes: one with their content is needed"
	case f.header.entries.from > f.promise.from:
		return fmt.Sprintf("the evidence begins at entry %d, after the first one that can be the record's", f.header.entries.from)
	case f.header.entries.to <= f.promise.from:
		return fmt.Sprintf("the evidence ends before entry %d, and does not reach the first one that can be the record's",
			f.header.entries.to)
	case f.isFalling:
		return "the times of the evidence's events fall, so that a later one may be within the deadline"
	case f.lastTime <= f.promise.deadline:
		return fmt.Sprintf("the evidence ends with an event of second %d, not after the deadline: one that ends with an append after "+
			"it is needed", f.lastTime)
	}
	return ""
}
