package verifier

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"counterfoil.dev/go/merkle"
)

// headerBytes is the length of an event's kind and header.
const headerBytes = 8 + 144

// maxEntryBytes is the longest entry; the shortest has 1 byte.
const maxEntryBytes = 65_535

// kinds has the name of each kind of event, and the length of the body that follows its header; of SubtreesAppended the hashes
// follow that. Source: docs/protocol.md, section 2.
var kinds = map[string]struct {
	name     string
	body     int
	isAppend bool
}{
	"d22b87952baecbc7": {"LedgerCreated", 32 + 4, false},
	"f3a80463435d2aa5": {"EntriesAppended", 0, true},
	"b62d6df3e004e071": {"SubtreesAppended", 4, true},
	"090d9a578a05029a": {"WriterGranted", 32 + 4 + 8, false},
	"2b12afe1da5e675e": {"WriterRevoked", 32, false},
	"f4755e7035972359": {"AuthorityProposed", 32, false},
	"a6c0dbbc29d1c31a": {"AuthorityAccepted", 32, false},
	"45d74fc8fbf7e4da": {"SubtreesDisallowed", 0, false},
	"9d9ba47783850eb6": {"LedgerSealed", 0, false},
}

// eventLeaf is an event as its leaf has it: kind, header and body.
type eventLeaf struct {
	name     string
	isAppend bool
	ledger   Key
	event    Event
	first    uint64
	count    uint64
	stated   merkle.Head
	leafHash merkle.Hash
}

// decodeEvent reads an event. It gives a problem where the bytes are not one, or more than one.
func decodeEvent(leaf []byte) (*eventLeaf, string) {
	if len(leaf) < headerBytes {
		return nil, "the event ends inside a field"
	}
	kind, isKnown := kinds[hex.EncodeToString(leaf[:8])]
	if !isKnown {
		return nil, fmt.Sprintf("the event is of unknown kind %x", leaf[:8])
	}
	word := func(at int) uint64 { return binary.LittleEndian.Uint64(leaf[at:]) }
	event := &eventLeaf{
		name: kind.name, isAppend: kind.isAppend, first: word(96), count: word(104),
		event:    Event{Seq: word(40), Slot: word(48), UnixTime: int64(word(56))},
		stated:   merkle.Head{Size: word(112)},
		leafHash: merkle.HashLeaf(leaf),
	}
	copy(event.ledger[:], leaf[8:])
	copy(event.event.Signer[:], leaf[64:])
	copy(event.stated.Root[:], leaf[120:])
	if event.event.Seq >= merkle.MaxSize || event.first > merkle.MaxSize || event.stated.Size > merkle.MaxSize {
		return nil, "a number of the event is beyond the largest tree"
	}
	length := headerBytes + kind.body
	if kind.name == "SubtreesAppended" && len(leaf) >= length {
		hashes := binary.LittleEndian.Uint32(leaf[headerBytes:])
		if uint64(hashes)*32 != uint64(len(leaf)-length) {
			return nil, fmt.Sprintf("the event does not end after its %d hashes", hashes)
		}
		return event, ""
	}
	if len(leaf) != length {
		return nil, fmt.Sprintf("the event has %d bytes, not %d", len(leaf), length)
	}
	return event, ""
}
