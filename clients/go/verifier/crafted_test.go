package verifier

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"testing"

	"counterfoil.dev/go/merkle"
)

// Documents whose proofs all hold, so that one rule alone decides: no altered byte of the vectors gets that far.

func treeHash(leaves []merkle.Hash) merkle.Hash {
	switch len(leaves) {
	case 0:
		return merkle.EmptyRoot()
	case 1:
		return leaves[0]
	}
	k := 1 << (bits.Len(uint(len(leaves)-1)) - 1)
	return merkle.HashNode(treeHash(leaves[:k]), treeHash(leaves[k:]))
}

var craftedLedger = Key{7}

// craftedEvent is an event's numbers: an append of count entries from first on that states a head.
type craftedEvent struct {
	first, count uint64
	stated       merkle.Head
}

func (e craftedEvent) leaf(seq int) []byte {
	leaf, _ := hex.DecodeString("f3a80463435d2aa5")
	leaf = append(leaf, craftedLedger[:]...)
	for _, number := range []uint64{uint64(seq), 1, 2} {
		leaf = binary.LittleEndian.AppendUint64(leaf, number)
	}
	leaf = append(leaf, make([]byte, 32)...)
	for _, number := range []uint64{e.first, e.count, e.stated.Size} {
		leaf = binary.LittleEndian.AppendUint64(leaf, number)
	}
	return append(leaf, e.stated.Root[:]...)
}

// craftedEntries are the bytes of entries, and craftedHead is the head over the first of them.
func craftedEntry(at int) []byte { return []byte{byte(at)} }

func craftedHead(size int) merkle.Head {
	var leaves []merkle.Hash
	for at := 0; at < size; at++ {
		leaves = append(leaves, merkle.HashLeaf(craftedEntry(at)))
	}
	return merkle.Head{Size: uint64(size), Root: treeHash(leaves)}
}

func named(document object) object {
	for _, name := range []string{"genesis_hash", "program", "ledger"} {
		document[name] = craftedLedger
	}
	return document
}

// craftedEvidence is evidence of all entries, with these events and this head.
func craftedEvidence(entries int, head merkle.Head, events ...craftedEvent) []byte {
	var leaves []merkle.Hash
	for seq, event := range events {
		leaves = append(leaves, merkle.HashLeaf(event.leaf(seq)))
	}
	run := func(to int, head merkle.Head) object {
		return object{"from": "0", "to": strconv.Itoa(to), "head": head, "proof": []any{}}
	}
	lines := []object{named(object{"format": evidenceFormat, "content": true, "entries": run(entries, head),
		"events": run(len(events), merkle.Head{Size: uint64(len(events)), Root: treeHash(leaves)})})}
	next := 0
	for seq, event := range events {
		lines = append(lines, object{"event": object{"seq": strconv.Itoa(seq), "leaf": event.leaf(seq)}})
		for ; next < int(event.stated.Size) && next < entries; next++ {
			lines = append(lines, object{"entry": object{"index": strconv.Itoa(next), "payload": craftedEntry(next)}})
		}
	}
	counts := object{"entries": strconv.Itoa(entries), "events": strconv.Itoa(len(events))}
	return linesOf(append(lines, object{"end": counts}))
}

// craftedReceipt is a receipt of version 1 of the only entry, under this head.
func craftedReceipt(event craftedEvent, head merkle.Head) []byte {
	leaf := event.leaf(0)
	return marshalled(named(object{
		"format": receiptV1, "head": head, "event_head": merkle.Head{Size: 1, Root: merkle.HashLeaf(leaf)},
		"entry": object{"index": "0", "payload": craftedEntry(0), "proof": []any{}},
		"event": object{"seq": "0", "leaf": leaf, "proof": []any{}},
	}))
}

// crafted has documents, and where each is refused; nowhere where it holds.
func crafted() map[string]struct {
	text  []byte
	where string
} {
	one, two, three := craftedHead(1), craftedHead(2), craftedHead(3)
	other := func(head merkle.Head) merkle.Head { return merkle.Head{Size: head.Size, Root: merkle.Hash{9}} }
	first := craftedEvent{0, 1, one}
	return map[string]struct {
		text  []byte
		where string
	}{
		"a receipt":                               {craftedReceipt(first, one), ""},
		"an event that states another root":       {craftedReceipt(craftedEvent{0, 1, other(one)}, one), "head"},
		"an event that states a later head":       {craftedReceipt(craftedEvent{0, 2, two}, one), "head"},
		"an event that states the empty log":      {craftedReceipt(craftedEvent{0, 1, craftedHead(0)}, one), ""},
		"evidence":                                {craftedEvidence(3, three, first, craftedEvent{1, 2, three}), ""},
		"evidence of three events":                {craftedEvidence(3, three, first, craftedEvent{1, 1, two}, craftedEvent{2, 1, three}), ""},
		"a hole between events":                   {craftedEvidence(3, three, first, craftedEvent{2, 1, three}), "line 4"},
		"events that overlap":                     {craftedEvidence(3, three, first, craftedEvent{0, 3, three}), "line 4"},
		"a last event that states another root":   {craftedEvidence(3, three, first, craftedEvent{1, 2, other(three)}), "entries"},
		"a last event that states another size":   {craftedEvidence(2, two, first, craftedEvent{1, 2, three}), "entries"},
		"an event after the last entry's":         {craftedEvidence(2, two, craftedEvent{0, 2, two}, craftedEvent{2, 0, two}), lastLine},
		"an event that appends before the others": {craftedEvidence(1, one, craftedEvent{1, 1, one}), "line 2"},
	}
}

func TestOneRuleAloneDecides(t *testing.T) {
	for name, one := range crafted() {
		verdict := Verify(one.text, Pin{})
		want := Refused
		if one.where == "" {
			want = CannotTell
		}
		if verdict.Verdict != want || verdict.Where != one.where || (verdict.Claims != nil) != (one.where == "") {
			t.Errorf("%s: %s at %q: %s", name, verdict.Verdict, verdict.Where, verdict.Reason)
		}
	}
}

func TestTheHashThatARowSaysIsThatOfItsBytes(t *testing.T) {
	for _, page := range pages(t) {
		log := "entries"
		if page[log] == nil {
			log = "events"
		}
		rows := append([]any{}, page[log].([]any)...)
		at := len(rows) - 1
		rows[at] = altered(rows[at], []string{"leaf_hash"}, strings.Repeat("0", 64))
		verdict := Verify(marshalled(altered(page, []string{log}, rows)), Pin{})
		if where := fmt.Sprintf("%s[%d].leaf_hash", log, at); verdict.Verdict != Refused || verdict.Where != where {
			t.Errorf("%s at %q: %s", verdict.Verdict, verdict.Where, verdict.Reason)
		}
	}
}

func TestThatALogExtendsTheEmptyOneShowsNothingOfIt(t *testing.T) {
	text := marshalled(object{"log": "entries", "first": craftedHead(0), "second": craftedHead(2), "proof": []any{}})
	for _, at := range []int{0, 1} {
		pin := pinned(t, Verify(text, Pin{}), func(parts *Parts) { parts.Heads = parts.Heads[at : at+1] })
		if verdict := Verify(text, pin); verdict.Verdict != Consistent || verdict.Facts != nil {
			t.Errorf("head %d: %s", at, verdict.Verdict)
		}
	}
}
