// Package bench compares with the Go checksum database's own package, which Debian has as golang-golang-x-mod-dev.
package bench

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand"
	"strconv"
	"strings"
	"testing"
	"time"

	"counterfoil.dev/go/merkle"
	ours "counterfoil.dev/go/tlog"
	"golang.org/x/mod/sumdb/note"
	theirs "golang.org/x/mod/sumdb/tlog"
)

// log has the stored hashes of a log, as the other package wants them.
type log []theirs.Hash

func (l log) ReadHashes(indexes []int64) ([]theirs.Hash, error) {
	hashes := make([]theirs.Hash, len(indexes))
	for at, index := range indexes {
		hashes[at] = l[index]
	}
	return hashes, nil
}

func logOf(t testing.TB, size int64) (stored log, root theirs.Hash) {
	for index := int64(0); index < size; index++ {
		hashes, err := theirs.StoredHashes(index, []byte(strconv.FormatInt(index, 10)), stored)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
	}
	root, err := theirs.TreeHash(size, stored)
	if err != nil {
		t.Fatal(err)
	}
	return stored, root
}

func converted(proof []theirs.Hash) (hashes []merkle.Hash) {
	for _, hash := range proof {
		hashes = append(hashes, merkle.Hash(hash))
	}
	return hashes
}

func TestProofsOfTheChecksumDatabaseHold(t *testing.T) {
	for size := int64(1); size <= 40; size++ {
		stored, root := logOf(t, size)
		head := merkle.Head{Size: uint64(size), Root: merkle.Hash(root)}
		for index := int64(0); index < size; index++ {
			record, err := theirs.ProveRecord(size, index, stored)
			if err != nil {
				t.Fatal(err)
			}
			leaf := merkle.HashLeaf([]byte(strconv.FormatInt(index, 10)))
			if err := merkle.VerifyInclusion(head, uint64(index), leaf, converted(record)); err != nil {
				t.Errorf("leaf %d of %d: %v", index, size, err)
			}
			tree, err := theirs.ProveTree(size, index+1, stored)
			if err != nil {
				t.Fatal(err)
			}
			_, earlier := logOf(t, index+1)
			if err := merkle.VerifyConsistency(merkle.Head{Size: uint64(index + 1), Root: merkle.Hash(earlier)}, head, converted(tree)); err != nil {
				t.Errorf("%d to %d: %v", index+1, size, err)
			}
		}
	}
}

func TestNotesOfTheChecksumDatabaseHold(t *testing.T) {
	private, public, err := note.GenerateKey(rand.New(rand.NewSource(1)), "log.example.com/ledger/entries")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	root := sha256.Sum256(nil)
	text := fmt.Sprintf("%s\n7\n%s\n", signer.Name(), base64.StdEncoding.EncodeToString(root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ours.ParseKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if head, err := ours.VerifyCheckpoint(signed, key); err != nil || head != (merkle.Head{Size: 7, Root: root}) {
		t.Errorf("%v, %v", head, err)
	}
	if _, err := ours.VerifyCheckpoint([]byte(strings.Replace(string(signed), "\n7\n", "\n8\n", 1)), key); err == nil {
		t.Error("twin: another size holds")
	}
}

func measure(b *testing.B, unit string, once func() error) {
	begin := time.Now()
	for at := 0; at < b.N; at++ {
		if err := once(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), unit)
}

func BenchmarkLeaf(b *testing.B) {
	leaf := make([]byte, 100)
	b.Run("merkle", func(b *testing.B) {
		measure(b, "leaves/s", func() error { merkle.HashLeaf(leaf); return nil })
	})
	b.Run("sumdb", func(b *testing.B) {
		measure(b, "leaves/s", func() error { theirs.RecordHash(leaf); return nil })
	})
}

func BenchmarkInclusion(b *testing.B) {
	// A tree of a million leaves that no one has: its path and its root are enough.
	const size, index = 1 << 20, 700_001
	leaf := theirs.RecordHash([]byte("leaf"))
	root, path := leaf, theirs.RecordProof{}
	for level := 0; level < 20; level++ {
		sibling := theirs.RecordHash([]byte{byte(level)})
		if path = append(path, sibling); index>>level&1 == 1 {
			root = theirs.NodeHash(sibling, root)
		} else {
			root = theirs.NodeHash(root, sibling)
		}
	}
	head, proof := merkle.Head{Size: size, Root: merkle.Hash(root)}, converted(path)
	b.Run("merkle", func(b *testing.B) {
		measure(b, "proofs/s", func() error { return merkle.VerifyInclusion(head, index, merkle.Hash(leaf), proof) })
	})
	b.Run("sumdb", func(b *testing.B) {
		measure(b, "proofs/s", func() error { return theirs.CheckRecord(path, size, root, index, leaf) })
	})
}
