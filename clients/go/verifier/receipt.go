package verifier

import (
	"fmt"

	json "counterfoil.dev/go/internal/strictjson"
	"counterfoil.dev/go/internal/text"
	"counterfoil.dev/go/merkle"
)

// receipt is a receipt as it stands in a file; nothing in it is verified yet.
type receipt struct {
	of    origin
	entry struct {
		index   uint64
		payload []byte
		proof   []merkle.Hash
	}
	seq   uint64
	leaf  []byte
	isV1  bool
	later *later
	// statement names the first member that only a reader of statements understands.
	statement string
}

// later is the heads that contain a receipt's entry and event. Version 1 has no consistency proof.
type later struct {
	head, eventHead         merkle.Head
	consistency, eventProof []merkle.Hash
}

// provenReceipt is what the parts of a receipt lead to.
type provenReceipt struct {
	leafHash merkle.Hash
	event    *eventLeaf
	// stated is the head that the event states, where the entry is proven to be under it; always so in version 2.
	stated *merkle.Head
}

func readReceipt(value any) (*receipt, *json.Error) {
	document := json.Open(value)
	var read receipt
	format := json.Read(document, "format", json.Text)
	read.of = readOrigin(document)
	json.Read(document, "entry", func(value any) (none struct{}, err *json.Error) {
		entry := json.Open(value)
		read.entry.index = json.Read(entry, "index", json.Uint64)
		read.entry.payload = json.Read(entry, "payload", json.Bytes)
		read.entry.proof = json.Read(entry, "proof", readProof)
		return none, entry.Close()
	})
	var v1 later
	var hasProof bool
	json.Read(document, "event", func(value any) (none struct{}, err *json.Error) {
		event := json.Open(value)
		read.seq, read.leaf = json.Read(event, "seq", json.Uint64), json.Read(event, "leaf", json.Bytes)
		v1.eventProof, hasProof = json.Optional(event, "proof", readProof)
		return none, event.Close()
	})
	_, hasTransaction := json.Optional(document, "transaction", json.Signature)
	bridge, hasBridge := json.Optional(document, "bridge", readBridge)
	var hasHead, hasEventHead bool
	v1.head, hasHead = json.Optional(document, "head", readHead)
	v1.eventHead, hasEventHead = json.Optional(document, "event_head", readHead)
	for _, name := range []string{"statement", "content", "salt"} {
		if document.IsPresent(name) && read.statement == "" {
			read.statement = name
		}
	}
	switch {
	case format == receiptV1 && hasProof && hasHead && hasEventHead && !hasTransaction && !hasBridge && read.statement == "":
		read.isV1, read.later = true, &v1
	case format == receiptV2 && !hasProof && !hasHead && !hasEventHead:
		if hasBridge {
			read.later = &bridge
		}
	case format == receiptV1 || format == receiptV2:
		document.Fail(json.Problem("the members are not those of its format"))
	default:
		document.Fail(json.Problem("the format \"%s\" is none that this version reads: \"%s\", \"%s\"", text.Plain(format),
			receiptV2, receiptV1))
	}
	return &read, document.Close()
}

func readBridge(value any) (later, *json.Error) {
	bridge := json.Open(value)
	var read later
	read.head, read.consistency = json.Read(bridge, "head", readHead), json.Read(bridge, "consistency", readProof)
	read.eventHead, read.eventProof = json.Read(bridge, "event_head", readHead), json.Read(bridge, "event_proof", readProof)
	return read, bridge.Close()
}

// verifyReceipt verifies that a receipt's parts belong together.
func verifyReceipt(value any, pin Pin, compared *[]Comparison, watcher watcher) (*claim, *fault) {
	receipt, err := readReceipt(value)
	if err != nil {
		return nil, unreadable("it is not a receipt", err)
	}
	if fault := pin.expect(receipt.of, compared); fault != nil {
		return nil, fault
	}
	proven, fault := receipt.prove()
	if fault != nil {
		return nil, fault
	}
	if watcher != nil {
		watcher.begin(receipt.of, nil)
		watcher.event(proven.event)
		watcher.entry(proven.event, receipt.entry.index, receipt.entry.payload)
	}
	claim := &claim{
		of:    &receipt.of,
		what:  fmt.Sprintf("entry %d of ledger %s", receipt.entry.index, receipt.of.ledger),
		facts: Facts{Index: &receipt.entry.index, LeafHash: &proven.leafHash, Payload: receipt.entry.payload},
		event: &proven.event.event,
	}
	byEvent, head, eventHead := showsEvent, "bridge.head", "bridge.event_head"
	if receipt.isV1 {
		// The head that the event states is the one in `head` then.
		head, eventHead = "head", "event_head"
	}
	if proven.stated != nil {
		byEvent = showsBoth
		claim.compared = append(claim.compared, rootCompared("root over the entries that the event states", *proven.stated))
		if !receipt.isV1 {
			claim.heads = append(claim.heads, claimedHead{LogHead{Entries, *proven.stated}, "event", showsLeaves})
		}
	}
	if later := receipt.later; later != nil {
		claim.compared = append(claim.compared,
			rootCompared("root over the entries of the later head", later.head), rootCompared("root over the events", later.eventHead))
		claim.heads = append(claim.heads, claimedHead{LogHead{Entries, later.head}, head, showsLeaves},
			claimedHead{LogHead{Events, later.eventHead}, eventHead, byEvent})
	}
	return claim, nil
}

// prove recomputes everything that can be recomputed without the chain. Source: docs/protocol.md, section 6.
func (r *receipt) prove() (*provenReceipt, *fault) {
	for _, number := range []uint64{r.entry.index, r.seq} {
		if number >= merkle.MaxSize {
			return nil, r.beyond(number)
		}
	}
	if length := len(r.entry.payload); length < 1 || length > maxEntryBytes {
		return nil, apart("entry.payload", fmt.Sprintf("the entry has %d bytes, not 1 to %d", length, maxEntryBytes))
	}
	event, fault := r.readEvent()
	if fault != nil {
		return nil, fault
	}
	proven := &provenReceipt{leafHash: merkle.HashLeaf(r.entry.payload), event: event}
	if r.isV1 {
		return proven, r.proveV1(proven)
	}
	return proven, r.proveV2(proven)
}

// readEvent reads the event, which must be the append of this entry.
func (r *receipt) readEvent() (*eventLeaf, *fault) {
	event, problem := decodeEvent(r.leaf)
	switch {
	case problem != "":
		return nil, apart("event.leaf", problem)
	case !event.isAppend:
		return nil, apart("event.leaf", fmt.Sprintf("the event is %s, which appends no entries", event.name))
	case event.ledger != r.of.ledger:
		return nil, apart("event.leaf", fmt.Sprintf("the event is ledger %s's", event.ledger))
	case event.event.Seq != r.seq:
		return nil, apart("event.seq", fmt.Sprintf("the event says that it is number %d", event.event.Seq))
	case r.entry.index < event.first || r.entry.index-event.first >= event.count:
		return nil, apart("entry.index", fmt.Sprintf("the event appended %d entries from %d on, not this one", event.count,
			event.first))
	}
	return event, nil
}

func (r *receipt) proveV1(proven *provenReceipt) *fault {
	stated, head := proven.event.stated, r.later.head
	if head.Size > merkle.MaxSize {
		return r.beyond(head.Size)
	}
	if fault := r.proveEntry(proven, head); fault != nil {
		return fault
	}
	isSame := stated.Size == head.Size && stated.Root == head.Root
	if stated.Size > head.Size || stated.Size == head.Size && !isSame {
		return apart("head", "the event and the head contradict each other")
	}
	if isSame {
		proven.stated = &stated
	}
	return r.proveEvent(proven, "event.proof")
}

func (r *receipt) proveV2(proven *provenReceipt) *fault {
	proven.stated = &proven.event.stated
	if fault := r.proveEntry(proven, *proven.stated); fault != nil {
		return fault
	}
	if later := r.later; later != nil {
		if later.head.Size > merkle.MaxSize {
			return r.beyond(later.head.Size)
		}
		if err := merkle.VerifyConsistency(*proven.stated, later.head, later.consistency); err != nil {
			return apart("bridge.consistency", "the bridge's head does not extend the one that the event states: "+err.Error())
		}
		if fault := r.proveEvent(proven, "bridge.event_proof"); fault != nil {
			return fault
		}
	}
	if r.statement != "" {
		// After all else: what contradicts itself is refused, whatever it carries besides.
		return cannotTell(r.statement, fmt.Sprintf("it carries a statement, by its member `%s`, which this version does not read",
			r.statement))
	}
	return nil
}

func (r *receipt) proveEntry(proven *provenReceipt, head merkle.Head) *fault {
	if err := merkle.VerifyInclusion(head, r.entry.index, proven.leafHash, r.entry.proof); err != nil {
		return apart("entry", "the entry is not in the log: "+err.Error())
	}
	return nil
}

func (r *receipt) proveEvent(proven *provenReceipt, place string) *fault {
	if r.later.eventHead.Size > merkle.MaxSize {
		return r.beyond(r.later.eventHead.Size)
	}
	if err := merkle.VerifyInclusion(r.later.eventHead, r.seq, proven.event.leafHash, r.later.eventProof); err != nil {
		return apart(place, "the event is not in the event log: "+err.Error())
	}
	return nil
}

func (r *receipt) beyond(number uint64) *fault {
	return apart("entry.index, event.seq or a head", outOfRange(number))
}

func apart(place, why string) *fault {
	return refused(place, "the receipt does not hold together: "+why)
}
