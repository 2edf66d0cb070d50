package merkle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"testing"
	"time"

	"counterfoil.dev/go/internal/compare"
)

// The oracle: RFC 6962, section 2.1, as it stands there.

func split(leaves []Hash) int { return 1 << (bits.Len(uint(len(leaves)-1)) - 1) }

func treeHash(leaves []Hash) Hash {
	switch len(leaves) {
	case 0:
		return EmptyRoot()
	case 1:
		return leaves[0]
	}
	k := split(leaves)
	return HashNode(treeHash(leaves[:k]), treeHash(leaves[k:]))
}

func path(index int, leaves []Hash) []Hash {
	if len(leaves) == 1 {
		return nil
	}
	k := split(leaves)
	if index < k {
		return append(path(index, leaves[:k]), treeHash(leaves[k:]))
	}
	return append(path(index-k, leaves[k:]), treeHash(leaves[:k]))
}

func subproof(first int, leaves []Hash, isWhole bool) []Hash {
	if first == len(leaves) {
		if isWhole {
			return nil
		}
		return []Hash{treeHash(leaves)}
	}
	k := split(leaves)
	if first <= k {
		return append(subproof(first, leaves[:k], isWhole), treeHash(leaves[k:]))
	}
	return append(subproof(first-k, leaves[k:], false), treeHash(leaves[:k]))
}

// outside gives the roots of the largest subtrees outside leaves from up to to.
func outside(from, to int, leaves []Hash) []Hash {
	if to <= 0 || from >= len(leaves) {
		return []Hash{treeHash(leaves)}
	}
	if from <= 0 && to >= len(leaves) {
		return nil
	}
	k := split(leaves)
	return append(outside(from, to, leaves[:k]), outside(from-k, to-k, leaves[k:])...)
}

func leavesOf(count int) []Hash {
	leaves := make([]Hash, count)
	for at := range leaves {
		leaves[at] = HashLeaf([]byte(strconv.Itoa(at)))
	}
	return leaves
}

func headOf(leaves []Hash) Head { return Head{uint64(len(leaves)), treeHash(leaves)} }

func verifyRun(head Head, from int, leaves, proof []Hash) error {
	run, err := NewRun(head, uint64(from), proof)
	for at := 0; err == nil && at < len(leaves); at++ {
		err = run.Push(leaves[at])
	}
	if err != nil {
		return err
	}
	return run.Finish()
}

// brokenProofs gives each proof with one hash altered, without its last, and with one more.
func brokenProofs(proof []Hash) (all [][]Hash) {
	for at := range proof {
		broken := append([]Hash(nil), proof...)
		broken[at][at%32] ^= 1
		all = append(all, broken)
	}
	if len(proof) > 0 {
		all = append(all, proof[:len(proof)-1], proof[1:])
	}
	return append(all, append(append([]Hash(nil), proof...), Hash{}))
}

// holdToOracle gives the first proof on which the package and the oracle differ.
func holdToOracle(most int) error {
	all := leavesOf(most)
	for size := 1; size <= most; size++ {
		leaves := all[:size]
		head := headOf(leaves)
		for index, leaf := range leaves {
			proof := path(index, leaves)
			if err := VerifyInclusion(head, uint64(index), leaf, proof); err != nil {
				return fmt.Errorf("leaf %d of %d: %w", index, size, err)
			}
			for _, broken := range brokenProofs(proof) {
				if VerifyInclusion(head, uint64(index), leaf, broken) == nil {
					return fmt.Errorf("leaf %d of %d: a broken proof holds", index, size)
				}
			}
			if VerifyInclusion(head, uint64(index), HashLeaf(leaf[:]), proof) == nil {
				return fmt.Errorf("leaf %d of %d: another leaf holds", index, size)
			}
		}
		for first := 1; first <= size; first++ {
			earlier, proof := headOf(leaves[:first]), subproof(first, leaves, true)
			if err := VerifyConsistency(earlier, head, proof); err != nil {
				return fmt.Errorf("%d to %d: %w", first, size, err)
			}
			for _, broken := range brokenProofs(proof) {
				if VerifyConsistency(earlier, head, broken) == nil {
					return fmt.Errorf("%d to %d: a broken proof holds", first, size)
				}
			}
			other := Head{earlier.Size, HashLeaf(earlier.Root[:])}
			if VerifyConsistency(other, head, proof) == nil || VerifyConsistency(earlier, Head{head.Size, other.Root}, proof) == nil {
				return fmt.Errorf("%d to %d: another root holds", first, size)
			}
		}
	}
	return nil
}

func TestProofsAreThoseOfTheRecursiveReference(t *testing.T) {
	if err := holdToOracle(100); err != nil {
		t.Fatal(err)
	}
	without(t)
	if holdToOracle(10) == nil {
		t.Error("twin: proofs that compare no roots hold the same")
	}
}

func holdRunsToOracle(most int) error {
	all := leavesOf(most)
	for size := 1; size <= most; size++ {
		leaves := all[:size]
		head := headOf(leaves)
		for from := 0; from < size; from++ {
			for to := from + 1; to <= size; to++ {
				proof, list := outside(from, to, leaves), leaves[from:to]
				if err := verifyRun(head, from, list, proof); err != nil {
					return fmt.Errorf("%d to %d of %d: %w", from, to, size, err)
				}
				for _, broken := range brokenProofs(proof) {
					if verifyRun(head, from, list, broken) == nil {
						return fmt.Errorf("%d to %d of %d: a broken proof holds", from, to, size)
					}
				}
				swapped := append([]Hash(nil), list...)
				swapped[0] = HashLeaf(nil)
				for _, other := range [][]Hash{swapped, list[1:], append(append([]Hash(nil), list...), Hash{})} {
					if verifyRun(head, from, other, proof) == nil {
						return fmt.Errorf("%d to %d of %d: another list holds", from, to, size)
					}
				}
			}
		}
	}
	return nil
}

func TestRunsAreThoseOfTheRecursiveReference(t *testing.T) {
	if err := holdRunsToOracle(33); err != nil {
		t.Fatal(err)
	}
	without(t)
	if holdRunsToOracle(5) == nil {
		t.Error("twin: runs that compare no roots hold the same")
	}
}

// without takes the comparison of hashes out, for the rest of the test.
func without(t *testing.T) {
	held := compare.Hashes
	compare.Hashes = func(_, _ [32]byte) bool { return true }
	t.Cleanup(func() { compare.Hashes = held })
}

func TestNumbersBeyondTheLargestTreeAreRefused(t *testing.T) {
	most := ^uint64(0)
	for _, size := range []uint64{MaxSize + 1, most} {
		head := Head{size, Hash{}}
		_, errRun := NewRun(head, 0, nil)
		for what, err := range map[string]error{
			"inclusion": VerifyInclusion(head, 0, Hash{}, nil), "consistency": VerifyConsistency(Head{1, Hash{}}, head, nil),
			"between equals": VerifyConsistency(head, head, nil), "run": errRun,
		} {
			var fault *ProofError
			if !errors.As(err, &fault) || fault.Fault != OutOfRange {
				t.Errorf("%s of %d: %v", what, size, err)
			}
		}
	}
	if err := VerifyInclusion(Head{MaxSize, Hash{}}, most, Hash{}, nil); err == nil {
		t.Error("an index beyond the tree holds")
	}
	// 47 levels of a tree that no one has: the proof is as long as it has to be, and leads elsewhere.
	if err := VerifyInclusion(Head{MaxSize, Hash{}}, 0, Hash{}, make([]Hash, 48)); err.(*ProofError).Fault != OtherRoot {
		t.Error(err)
	}
}

func TestFaultsAreNamed(t *testing.T) {
	leaves := leavesOf(7)
	first, second := headOf(leaves[:3]), headOf(leaves)
	proof := subproof(3, leaves, true)
	for want, err := range map[Fault]error{
		OutOfRange:      VerifyInclusion(second, 7, leaves[0], nil),
		Shrinks:         VerifyConsistency(second, first, proof),
		TooShort:        VerifyConsistency(first, second, proof[:1]),
		TooLong:         VerifyConsistency(first, first, proof),
		OtherRoot:       VerifyConsistency(Head{3, Hash{}}, second, proof),
		OtherSecondRoot: VerifyConsistency(first, Head{7, Hash{}}, proof),
	} {
		var fault *ProofError
		if !errors.As(err, &fault) || fault.Fault != want {
			t.Errorf("%v: %v", want, err)
		}
	}
}

func TestProofsOfTheVectors(t *testing.T) {
	var vectors struct {
		Leaves []struct {
			Entry    string
			LeafHash string `json:"leaf_hash"`
		}
		Inclusion []struct {
			Index, Size, Root string
			LeafHash          string `json:"leaf_hash"`
			Proof             []string
			Fault             *string
		}
	}
	text, err := os.ReadFile("../../../docs/vectors/log.json")
	if err == nil {
		err = json.Unmarshal(text, &vectors)
	}
	if err != nil {
		t.Fatal(err)
	}
	for at, leaf := range vectors.Leaves {
		if entry, _ := hex.DecodeString(leaf.Entry); HashLeaf(entry).String() != leaf.LeafHash {
			t.Errorf("leaf %d", at)
		}
	}
	for at, proof := range vectors.Inclusion {
		size, _ := strconv.ParseUint(proof.Size, 10, 64)
		index, _ := strconv.ParseUint(proof.Index, 10, 64)
		var hashes []Hash
		for _, hash := range proof.Proof {
			hashes = append(hashes, parsed(hash))
		}
		err := VerifyInclusion(Head{size, parsed(proof.Root)}, index, parsed(proof.LeafHash), hashes)
		if (err == nil) != (proof.Fault == nil) {
			t.Errorf("inclusion %d: %v", at, err)
		}
	}
}

func parsed(digits string) (hash Hash) {
	hex.Decode(hash[:], []byte(digits))
	return hash
}

func TestLongLeavesHashAsShortOnesDo(t *testing.T) {
	for _, length := range []int{0, 1, 510, 511, 512, 513, 65_535} {
		leaf := make([]byte, length)
		if whole := sha256.Sum256(append([]byte{0}, leaf...)); HashLeaf(leaf) != whole {
			t.Errorf("%d bytes", length)
		}
	}
}

func BenchmarkHashLeaf(b *testing.B) {
	leaf, begin := make([]byte, 100), time.Now()
	for at := 0; at < b.N; at++ {
		leaf[0] = byte(at)
		HashLeaf(leaf)
	}
	perSecond(b, begin, 1, "leaves/s")
}

func BenchmarkRun(b *testing.B) {
	leaves := leavesOf(1 << 10)
	head := headOf(leaves)
	b.ResetTimer()
	begin := time.Now()
	for at := 0; at < b.N; at++ {
		if err := verifyRun(head, 0, leaves, nil); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, begin, len(leaves), "leaves/s")
}

func BenchmarkVerifyInclusion(b *testing.B) {
	// 20 hashes, as in a tree of a million leaves.
	proof := leavesOf(20)
	root := Hash{1}
	for _, sibling := range proof {
		root = HashNode(root, sibling)
	}
	head := Head{1 << 20, root}
	b.ResetTimer()
	begin := time.Now()
	for at := 0; at < b.N; at++ {
		if err := VerifyInclusion(head, 0, Hash{1}, proof); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, begin, 1, "proofs/s")
}

func perSecond(b *testing.B, begin time.Time, each int, unit string) {
	b.ReportMetric(float64(b.N)*float64(each)/time.Since(begin).Seconds(), unit)
}
