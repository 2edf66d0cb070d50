package verifier

import (
	"fmt"

	"counterfoil.dev/go/internal/compare"
	json "counterfoil.dev/go/internal/strictjson"
	"counterfoil.dev/go/merkle"
)

// Pin is what a verifier relies on, and took from elsewhere than the document and than the server that gave it. Its zero value has
// no part, and nothing of it is ever filled from a document.
type Pin struct{ parts Parts }

// Parts are the parts of a pin; each may be absent.
type Parts struct {
	GenesisHash *Key
	Program     *Key
	Ledger      *Key
	// Heads of that ledger, as the chain has them.
	Heads []LogHead
}

// NewPin makes a pin. It gives an error where a head is beyond the largest tree, of neither log, or contradicts another one.
func NewPin(parts Parts) (Pin, error) {
	parts.Heads = append([]LogHead(nil), parts.Heads...)
	for at, head := range parts.Heads {
		if head.Log != Entries && head.Log != Events {
			return Pin{}, fmt.Errorf("the pin has a head of %q, which is no log", string(head.Log))
		}
		if head.Size > merkle.MaxSize {
			return Pin{}, fmt.Errorf("the pin cannot be read: %s", outOfRange(head.Size))
		}
		for _, other := range parts.Heads[:at] {
			if other.Log == head.Log && other.Size == head.Size && other.Root != head.Root {
				return Pin{}, fmt.Errorf("the pin cannot be read: two heads have %d leaves and two roots", head.Size)
			}
		}
	}
	return Pin{parts}, nil
}

// ReadPin reads a pin from JSON, as clients/verifier takes it. No bytes are one without parts. It gives an error where it is not
// one: that is its author's fault, and says nothing of a document.
func ReadPin(document []byte) (Pin, error) {
	if len(document) == 0 {
		return Pin{}, nil
	}
	value, err := json.Parse(document)
	if err != nil {
		return Pin{}, fmt.Errorf("the pin cannot be read: %w", err)
	}
	pin := json.Open(value)
	var parts Parts
	for _, part := range []struct {
		name string
		key  **Key
	}{{"genesis_hash", &parts.GenesisHash}, {"program", &parts.Program}, {"ledger", &parts.Ledger}} {
		if key, isThere := json.Optional(pin, part.name, readKey); isThere {
			*part.key = &key
		}
	}
	parts.Heads, _ = json.Optional(pin, "heads", json.List(readLogHead))
	if err := pin.Close(); err != nil {
		return Pin{}, fmt.Errorf("the pin cannot be read: %w", err)
	}
	return NewPin(parts)
}

func readLogHead(value any) (LogHead, *json.Error) {
	head := json.Open(value)
	read := LogHead{
		json.Read(head, "log", readLog),
		merkle.Head{Size: json.Read(head, "size", json.Uint64), Root: json.Read(head, "root", readHash)},
	}
	return read, head.Close()
}

// expect compares the names that a document gives itself, up to the first that is another one.
func (p Pin) expect(of origin, compared *[]Comparison) *fault {
	for _, name := range []struct {
		what, place string
		found       Key
		expected    *Key
	}{
		{"genesis hash", "genesis_hash", of.genesisHash, p.parts.GenesisHash},
		{"program", "program", of.program, p.parts.Program},
		{"ledger", "ledger", of.ledger, p.parts.Ledger},
	} {
		if name.expected == nil {
			continue
		}
		found, expected, equal := name.found.String(), name.expected.String(), compare.Hashes(name.found, *name.expected)
		*compared = append(*compared, Comparison{name.what, found, expected, "pin", equal})
		if !equal {
			return refused(name.place, fmt.Sprintf("it is of %s %s, you pinned %s", name.what, found, expected))
		}
	}
	return nil
}
