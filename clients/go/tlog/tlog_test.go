package tlog

import (
	"bytes"
	stded25519 "crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"counterfoil.dev/go/internal/compare"
	"counterfoil.dev/go/merkle"
)

const name = "log.example.com/ledger/entries"

type signer struct {
	private stded25519.PrivateKey
	name    string
}

func (s signer) id() []byte {
	hash := sha256.Sum256(append([]byte(s.name+"\n\x01"), s.private[32:]...))
	return hash[:4]
}

func (s signer) key() string {
	return fmt.Sprintf("%s+%x+%s", s.name, s.id(), base64.StdEncoding.EncodeToString(append([]byte{1}, s.private[32:]...)))
}

func (s signer) line(text string) string {
	return fmt.Sprintf("— %s %s\n", s.name, base64.StdEncoding.EncodeToString(append(s.id(), stded25519.Sign(s.private, []byte(text))...)))
}

func signerOf(seed byte, name string) signer {
	return signer{stded25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)), name}
}

func parsed(t *testing.T, text string) Key {
	t.Helper()
	key, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encoded(hash merkle.Hash) string { return base64.StdEncoding.EncodeToString(hash[:]) }

// proofOf gives a proof file of the second of three leaves, with its note's text.
func proofOf(by signer) (file, text string, leaf merkle.Hash, head merkle.Head) {
	leaves := []merkle.Hash{merkle.HashLeaf([]byte("a")), merkle.HashLeaf([]byte("b")), merkle.HashLeaf([]byte("c"))}
	head = merkle.Head{Size: 3, Root: merkle.HashNode(merkle.HashNode(leaves[0], leaves[1]), leaves[2])}
	text = fmt.Sprintf("%s\n%d\n%s\n", by.name, head.Size, encoded(head.Root))
	file = fmt.Sprintf("%s\nindex 1\n%s\n%s\n\n%s\n%s", proofFormat, encoded(leaves[0]), encoded(leaves[2]), text, by.line(text))
	return file, text, leaves[1], head
}

// holdToBytes alters each byte of a proof file.
func holdToBytes(key Key, file string, leaf merkle.Hash, head merkle.Head) error {
	if found, err := VerifyProof([]byte(file), 1, leaf, key); err != nil || found != head {
		return fmt.Errorf("%v, %w", found, err)
	}
	for at := range file {
		altered := []byte(file)
		altered[at] ^= 1
		if found, err := VerifyProof(altered, 1, leaf, key); err == nil || found != (merkle.Head{}) {
			return fmt.Errorf("byte %d: %q holds", at, altered)
		}
	}
	for at := range file {
		if _, err := VerifyProof([]byte(file[:at]), 1, leaf, key); err == nil {
			return fmt.Errorf("cut at %d it holds", at)
		}
	}
	if _, err := VerifyProof([]byte(file), 2, leaf, key); err == nil {
		return fmt.Errorf("another index holds")
	}
	if _, err := VerifyProof([]byte(file), 1, merkle.Hash{}, key); err == nil {
		return fmt.Errorf("another leaf holds")
	}
	return nil
}

func TestEachByteOfAProofIsCompared(t *testing.T) {
	by := signerOf(1, name)
	key := parsed(t, by.key())
	file, _, leaf, head := proofOf(by)
	if err := holdToBytes(key, file, leaf, head); err != nil {
		t.Fatal(err)
	}
	heldHashes, heldSignature := compare.Hashes, compare.Signature
	defer func() { compare.Hashes, compare.Signature = heldHashes, heldSignature }()
	compare.Hashes = func(_, _ [32]byte) bool { return true }
	if holdToBytes(key, file, leaf, head) == nil {
		t.Error("twin: a reader that compares no roots passes the same run")
	}
	compare.Hashes = heldHashes
	compare.Signature = func(*[32]byte, []byte, *[64]byte) bool { return true }
	if holdToBytes(key, file, leaf, head) == nil {
		t.Error("twin: a reader that compares no signatures passes the same run")
	}
}

func TestNotesAreSignedByTheKeyAndMayBeByOthers(t *testing.T) {
	by, other, namesake := signerOf(1, name), signerOf(2, "witness.example.com"), signerOf(3, name)
	key := parsed(t, by.key())
	_, text, _, head := proofOf(by)
	foreign := strings.Replace(text, name, "log.example.com/other", 1)
	broken := by.line(text + "x")
	for what, one := range map[string]struct {
		note  string
		holds bool
	}{
		"one":          {text + "\n" + by.line(text), true},
		"a witness":    {text + "\n" + other.line(text) + by.line(text), true},
		"a namesake":   {text + "\n" + namesake.line(text) + by.line(text), true},
		"an extension": {text + "more\n\n" + by.line(text+"more\n"), true},
		"none":         {text + "\n", false}, "another's": {text + "\n" + other.line(text), false},
		"a broken one": {text + "\n" + by.line(text) + broken, false}, "no empty line": {text + by.line(text), false},
		"no end": {strings.TrimSuffix(text+"\n"+by.line(text), "\n"), false}, "a line that is none": {text + "\n" + by.line(text) + "x\n", false},
		"another log": {foreign + "\n" + by.line(foreign), false}, "a control": {text + "\a\n\n" + by.line(text+"\a\n"), false},
		"no root": {name + "\n3\n\n" + by.line(name+"\n3\n"), false},
	} {
		if found, err := VerifyCheckpoint([]byte(one.note), key); (err == nil) != one.holds || one.holds && found != head {
			t.Errorf("%s: %v, %v", what, found, err)
		}
	}
	many := text + "\n" + strings.Repeat(other.line(text), maxSignatures) + by.line(text)
	if _, err := VerifyCheckpoint([]byte(many), key); err == nil {
		t.Error("more signatures than are read")
	}
}

func TestSizesHaveOneText(t *testing.T) {
	by := signerOf(1, name)
	key := parsed(t, by.key())
	for size, holds := range map[string]bool{"0": true, "281474976710655": true, "281474976710656": false, "03": false, "+3": false, "": false} {
		text := fmt.Sprintf("%s\n%s\n%s\n", name, size, encoded(merkle.Hash{}))
		if _, err := VerifyCheckpoint([]byte(text+"\n"+by.line(text)), key); (err == nil) != holds {
			t.Errorf("%q: %v", size, err)
		}
	}
}

func TestKeysAreOfTheirName(t *testing.T) {
	genuine := signerOf(1, name).key()
	for _, key := range []string{"", "a+b+c", strings.Replace(genuine, "log", "lag", 1), genuine + "=", "+" + strings.SplitN(genuine, "+", 2)[1],
		strings.Replace(genuine, name, "a b", 1), strings.ToUpper(genuine)} {
		if _, err := ParseKey(key); err == nil {
			t.Errorf("%q", key)
		}
	}
	if key := parsed(t, genuine); key.Name() != name || binary.BigEndian.Uint32(signerOf(1, name).id()) != key.id {
		t.Errorf("%v", key)
	}
}

func FuzzVerifyProof(f *testing.F) {
	by := signerOf(1, name)
	key, err := ParseKey(by.key())
	if err != nil {
		f.Fatal(err)
	}
	file, text, leaf, head := proofOf(by)
	f.Add([]byte(file))
	f.Add([]byte(text))
	f.Fuzz(func(t *testing.T, file []byte) {
		if found, err := VerifyProof(file, 1, leaf, key); err == nil && found != head {
			t.Errorf("%v", found)
		}
	})
}
