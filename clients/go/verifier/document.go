package verifier

import (
	"bytes"
	"fmt"

	json "counterfoil.dev/go/internal/strictjson"
)

// MaxBytes is the longest document, in bytes.
const MaxBytes = 64 << 20

// maxTextBytes is the longest document that is one JSON text: its tree takes up to ten times as many.
const maxTextBytes = 16 << 20

const (
	receiptV1         = "counterfoil receipt v1"
	receiptV2         = "counterfoil receipt v2"
	certificateFormat = "counterfoil certificate v1"
	evidenceFormat    = "counterfoil evidence v1"
	promiseFormat     = "counterfoil promise v1"
)

// Verify verifies a document, compared with a pin: a receipt, a page with its certificate, evidence, or a consistency proof.
func Verify(document []byte, pin Pin) Verdict { return verify(document, pin, nil) }

// watcher sees the events and the entries of a receipt or of evidence while it is verified; nothing of it is shown before the
// verdict.
type watcher interface {
	// begin has the header of evidence; nil of a receipt.
	begin(of origin, header *evidenceHeader)
	event(event *eventLeaf)
	entry(event *eventLeaf, index uint64, payload []byte)
}

// verify verifies as Verify does, and shows the document to a watcher, if there is one.
func verify(document []byte, pin Pin, watcher watcher) Verdict {
	if len(document) > MaxBytes {
		return cannotTell("", fmt.Sprintf("it has more than %d bytes: take `counterfoil verify`", MaxBytes)).verdict("", nil)
	}
	kind, value, fault := identify(document)
	if fault != nil {
		return fault.verdict("", nil)
	}
	var compared []Comparison
	claim, fault := verifyKind(kind, value, document, pin, &compared, watcher)
	if fault != nil {
		return fault.verdict(kind, compared)
	}
	compared = append(compared, claim.compared...)
	shown, fault := compareHeads(claim.heads, pin, &compared)
	if fault != nil {
		return fault.verdict(kind, compared)
	}
	return conclude(kind, claim, shown, pin, compared)
}

// verifyKind verifies that a document's parts belong together.
func verifyKind(kind Kind, value any, document []byte, pin Pin, compared *[]Comparison,
	watcher watcher) (*claim, *fault) {
	switch kind {
	case Evidence:
		return verifyEvidence(document, pin, compared, watcher)
	case Certificate:
		return verifyCertificate(value, pin, compared)
	case Consistency:
		return verifyConsistency(value)
	}
	return verifyReceipt(value, pin, compared, watcher)
}

// identify tells what a document is. Evidence is lines, all else one JSON text, which is given as a tree.
func identify(document []byte) (Kind, any, *fault) {
	first := firstLine(document)
	tooLong := cannotTell("", fmt.Sprintf("it is one JSON text of more than %d bytes: take `counterfoil verify`", maxTextBytes))
	if len(first) > maxTextBytes {
		return "", nil, tooLong
	}
	value, err := json.Parse(first)
	if err == nil && member(value, "format") == evidenceFormat {
		return Evidence, nil, nil
	}
	if len(document) > maxTextBytes {
		return "", nil, tooLong
	}
	if len(first) < len(document) {
		value, err = json.Parse(document)
	}
	if err != nil {
		return "", nil, unreadable("it is not one JSON text", err)
	}
	kind, fault := kindOf(value)
	return kind, value, fault
}

func kindOf(value any) (Kind, *fault) {
	format, isNamed := member(value, "format").(string)
	switch {
	case format == certificateFormat:
		return "", cannotTell("", "a certificate says that a list is whole, and its list is not here: give the page that came "+
			"with it")
	case isNamed:
		return Receipt, nil
	case member(value, "certificate") != nil:
		return Certificate, nil
	case member(value, "entries") != nil || member(value, "events") != nil:
		return "", cannotTell("certificate", "it is a list without a certificate: nothing says that it is whole")
	case member(value, "second") != nil:
		return Consistency, nil
	}
	return "", refused("", "it is no receipt, page with a certificate, evidence or consistency proof of Counterfoil's")
}

// firstLine gives the bytes up to the first end of a line, and that.
func firstLine(document []byte) []byte {
	if at := bytes.IndexByte(document, '\n'); at >= 0 {
		return document[:at+1]
	}
	return document
}
