// Package merkle has the hashes and proofs of an RFC 6962 log: inclusion, consistency, and runs of leaves that are whole.
//
// It draws nothing, reads nothing, and never panics. An inclusion proof has at most 48 hashes, a consistency proof 49, the proof
// of a run 94.
package merkle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"counterfoil.dev/go/internal/compare"
)

// MaxSize is the largest tree, in leaves: 2^48 - 1.
const MaxSize = 1<<48 - 1

// levels is how many perfect subtrees make up the largest tree.
const levels = 48

// Hash is the hash of a node, 32 bytes. Its text has 64 lowercase hexadecimal digits.
type Hash [sha256.Size]byte

// Head is the state of a log: how many leaves, and the root over them.
type Head struct {
	// Size is at most MaxSize in a head that was verified.
	Size uint64 `json:"size,string"`
	Root Hash   `json:"root"`
}

// Fault says which rule a proof breaks.
type Fault int

// The faults of proofs.
const (
	// OutOfRange: a number is beyond the largest tree, the leaf outside its tree, or the run without leaves.
	OutOfRange Fault = iota
	// Shrinks: a consistency proof leads from a tree to a larger or equal one.
	Shrinks
	// TooShort: the proof has fewer hashes than its sizes need.
	TooShort
	// TooLong: the proof has more hashes than its sizes need.
	TooLong
	// OtherRoot: the proof leads to another root than the head's, of a consistency proof the first head's.
	OtherRoot
	// OtherSecondRoot: the consistency proof leads to another root than the second head's.
	OtherSecondRoot
)

// ProofError says why a proof does not hold.
type ProofError struct {
	Fault Fault
	// Detail is a sentence for people.
	Detail string
}

// Error gives the detail.
func (e *ProofError) Error() string { return e.Detail }

func fault(fault Fault, format string, values ...any) error {
	return &ProofError{Fault: fault, Detail: fmt.Sprintf(format, values...)}
}

// String gives 64 lowercase hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText gives 64 lowercase hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// HashLeaf hashes a leaf: SHA-256(0x00 || leaf).
func HashLeaf(leaf []byte) Hash {
	// Most leaves are short, and are hashed without an allocation.
	var short [512]byte
	if len(leaf) < len(short) {
		return sha256.Sum256(short[:1+copy(short[1:], leaf)])
	}
	hasher := sha256.New()
	hasher.Write(short[:1])
	hasher.Write(leaf)
	var hash Hash
	hasher.Sum(hash[:0])
	return hash
}

// HashNode hashes an inner node: SHA-256(0x01 || left || right).
func HashNode(left, right Hash) Hash {
	var node [1 + 2*sha256.Size]byte
	node[0] = 1
	copy(node[1:], left[:])
	copy(node[1+sha256.Size:], right[:])
	return sha256.Sum256(node[:])
}

// EmptyRoot is the root of the tree without leaves: SHA-256 of nothing.
func EmptyRoot() Hash { return sha256.Sum256(nil) }

// VerifyInclusion verifies that leaf is leaf index of the tree with this head. The proof is ordered from the leaf to the root.
//
// It gives a *ProofError unless the proof leads, with exactly its hashes, to the head's root. Source: RFC 9162, section 2.1.3.2.
func VerifyInclusion(head Head, index uint64, leaf Hash, proof []Hash) error {
	if head.Size > MaxSize || index >= head.Size {
		return fault(OutOfRange, "leaf %d is not in a tree of %d leaves", index, head.Size)
	}
	climb := climber{node: index, last: head.Size - 1}
	root := leaf
	for _, sibling := range proof {
		isRight, ok := climb.step()
		if !ok {
			return tooLong()
		}
		if isRight {
			root = HashNode(sibling, root)
		} else {
			root = HashNode(root, sibling)
		}
	}
	if climb.last != 0 {
		return tooShort()
	}
	return expectRoot(OtherRoot, root, head.Root)
}

// VerifyConsistency verifies that the second tree begins with the leaves of the first. The proof is ordered from the leaves to
// the root; between equal sizes, and from the empty tree, it is empty.
//
// It gives a *ProofError unless the proof leads, with exactly its hashes, to both roots. Source: RFC 9162, section 2.1.4.2.
func VerifyConsistency(first, second Head, proof []Hash) error {
	if second.Size > MaxSize {
		return fault(OutOfRange, "%d is beyond the largest tree", second.Size)
	}
	if first.Size > second.Size {
		return fault(Shrinks, "a tree of %d leaves cannot become one of %d", first.Size, second.Size)
	}
	if first.Size == 0 || first.Size == second.Size {
		return verifySame(first, second, proof)
	}
	climb := climber{node: first.Size - 1, last: second.Size - 1}
	// A first tree that is one perfect subtree is itself the node from which the proof climbs.
	start := first.Root
	if first.Size&(first.Size-1) != 0 {
		if len(proof) == 0 {
			return tooShort()
		}
		start, proof = proof[0], proof[1:]
	}
	for climb.node&1 == 1 {
		climb.up()
	}
	firstRoot, secondRoot := start, start
	for _, sibling := range proof {
		isRight, ok := climb.step()
		if !ok {
			return tooLong()
		}
		if isRight {
			firstRoot, secondRoot = HashNode(sibling, firstRoot), HashNode(sibling, secondRoot)
		} else {
			secondRoot = HashNode(secondRoot, sibling)
		}
	}
	if climb.last != 0 {
		return tooShort()
	}
	if err := expectRoot(OtherRoot, firstRoot, first.Root); err != nil {
		return err
	}
	return expectRoot(OtherSecondRoot, secondRoot, second.Root)
}

// verifySame verifies the proofs that have no hash: of two trees of one size, and from the empty tree.
func verifySame(first, second Head, proof []Hash) error {
	if len(proof) > 0 {
		return tooLong()
	}
	if first.Size == 0 {
		if err := expectRoot(OtherRoot, EmptyRoot(), first.Root); err != nil {
			return err
		}
	}
	if first.Size == second.Size {
		return expectRoot(OtherRoot, second.Root, first.Root)
	}
	return nil
}

// climber is the way from a node up to the root: the numbers of the node and of its level's last node.
type climber struct{ node, last uint64 }

func (c *climber) up() { c.node, c.last = c.node>>1, c.last>>1 }

// step climbs over one sibling. It says whether the node is the right one of the two, and whether there is such a level.
func (c *climber) step() (isRight, ok bool) {
	if c.last == 0 {
		return false, false
	}
	isRight = c.node&1 == 1 || c.node == c.last
	if isRight {
		// The last node of a level with an odd count has no sibling there: climb to where it has one.
		for c.node&1 == 0 && c.node != 0 {
			c.up()
		}
	}
	c.up()
	return isRight, true
}

func tooShort() error { return fault(TooShort, "the proof has too few hashes") }
func tooLong() error  { return fault(TooLong, "the proof has too many hashes") }

func expectRoot(kind Fault, computed, expected Hash) error {
	if compare.Hashes(computed, expected) {
		return nil
	}
	return fault(kind, "the proof leads to root %s, the head says %s", computed, expected)
}
