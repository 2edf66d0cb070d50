package verifier

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"counterfoil.dev/go/internal/compare"
)

func sha256Of(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

type promiseVectors struct {
	Pinned   string
	Promises []struct {
		Promise object
		Signed  string
	}
	Alterations []struct {
		Of      int
		Path    []string
		Value   any
		Refused *string
	}
	Unreadable []string
	Verdicts   []struct {
		Name             string
		Promise, Receipt object
		Evidence         []object
		Time             *string
		Verdict          PromiseWord
	}
}

func linesOf(lines []object) (text []byte) {
	for _, line := range lines {
		text = append(append(text, marshalled(line)...), '\n')
	}
	return text
}

func pinnedKey(t testing.TB, vectors *promiseVectors) []Key {
	key, ok := ParseKey(vectors.Pinned)
	if !ok {
		t.Fatal("the pinned key")
	}
	return []Key{key}
}

// holdToPromises gives the first promise of the vectors that is believed wrongly, or is not believed.
func holdToPromises(vectors *promiseVectors, keys []Key) error {
	faultOf := func(text []byte) PromiseFault {
		promise, err := ReadPromise(text)
		if err == nil {
			err = promise.IsBy(keys)
		}
		var fault *PromiseError
		if errors.As(err, &fault) {
			return fault.Fault
		}
		return ""
	}
	for at, one := range vectors.Promises {
		text := marshalled(one.Promise)
		if fault := faultOf(text); fault != "" {
			return fmt.Errorf("promise %d: %s", at, fault)
		}
		promise, _ := ReadPromise(text)
		if hex.EncodeToString(promise.signingBytes()) != one.Signed {
			return fmt.Errorf("promise %d signs other bytes", at)
		}
	}
	for at, one := range vectors.Alterations {
		text := marshalled(altered(vectors.Promises[one.Of].Promise, one.Path, one.Value))
		want := PromiseFault("")
		if one.Refused != nil {
			want = PromiseFault(*one.Refused)
		}
		if fault := faultOf(text); fault != want {
			return fmt.Errorf("alteration %d at %s: %s, not %s", at, strings.Join(one.Path, "."), fault, want)
		}
	}
	for at, text := range vectors.Unreadable {
		if fault := faultOf([]byte(text)); fault != PromiseUnreadable {
			return fmt.Errorf("unreadable %d: %s", at, fault)
		}
	}
	return nil
}

func TestPromisesOfTheVectorsAreBelievedOrNot(t *testing.T) {
	var vectors promiseVectors
	readVectors(t, "promise", &vectors)
	keys := pinnedKey(t, &vectors)
	if err := holdToPromises(&vectors, keys); err != nil {
		t.Fatal(err)
	}
	without(t, &compare.Signature, func(*[32]byte, []byte, *[64]byte) bool { return true })
	if holdToPromises(&vectors, keys) == nil {
		t.Error("twin: a reader that compares no signatures passes the same run")
	}
}

// holdToWords gives the first word on a promise that is another one than the vectors say.
func holdToWords(vectors *promiseVectors, keys []Key) (map[PromiseWord]int, error) {
	counts := map[PromiseWord]int{}
	for _, one := range vectors.Verdicts {
		proof := PromiseProof{}
		if one.Receipt != nil {
			proof.Document = marshalled(one.Receipt)
		} else if one.Evidence != nil {
			proof.Document = linesOf(one.Evidence)
		}
		if one.Time != nil {
			time, err := strconv.ParseInt(*one.Time, 10, 64)
			if err != nil {
				return nil, err
			}
			proof.ChainTime = &time
		}
		document := marshalled(one.Promise)
		rests := one.Verdict == Kept || one.Verdict == Broken
		if unpinned := VerifyPromise(document, keys, proof); rests && unpinned.Promise != Untold {
			return nil, fmt.Errorf("%s, without a head of the events: %s", one.Name, unpinned.Promise)
		}
		isShown := false
		if proof.Document != nil {
			pin, err := ReadPin(marshalled(pinOf(Verify(proof.Document, Pin{}))))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", one.Name, err)
			}
			proof.Pin = pin
			shown := Verify(proof.Document, pin)
			isShown = shown.Facts != nil && shown.Facts.Event != nil
		}
		verdict := VerifyPromise(document, keys, proof)
		want := one.Verdict
		if rests && !isShown {
			want = Untold
		}
		words := map[PromiseWord]Word{Kept: Verified, Broken: Refused, Due: CannotTell, Untold: CannotTell}
		if verdict.Promise != want || verdict.Verdict != words[want] {
			return nil, fmt.Errorf("%s: %s and %s, not %s: %s", one.Name, verdict.Promise, verdict.Verdict, want, verdict.Reason)
		}
		counts[verdict.Promise]++
		if unkeyed := VerifyPromise(document, nil, proof); unkeyed.Promise != want || unkeyed.Verdict == Verified || unkeyed.Verdict == Refused {
			return nil, fmt.Errorf("%s, without a key: %s", one.Name, unkeyed.Verdict)
		}
		other := VerifyPromise(document, []Key{{1}}, proof)
		if other.Verdict != Refused || other.Promise != "" || other.Where != "key" {
			return nil, fmt.Errorf("%s, by another key: %s", one.Name, other.Verdict)
		}
	}
	return counts, nil
}

func TestWordsOnPromisesAreThoseOfTheVectors(t *testing.T) {
	var vectors promiseVectors
	readVectors(t, "promise", &vectors)
	keys := pinnedKey(t, &vectors)
	counts, err := holdToWords(&vectors, keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []PromiseWord{Kept, Broken, Due, Untold} {
		if counts[word] < 2 {
			t.Errorf("%v", counts)
		}
	}
	without(t, &compare.Hashes, func(_, _ [32]byte) bool { return true })
	if _, err := holdToWords(&vectors, keys); err == nil {
		t.Error("twin: a judge that compares no commitments passes the same run")
	}
}

func TestAPromiseIsNotJudgedByWhatDoesNotHold(t *testing.T) {
	var vectors promiseVectors
	readVectors(t, "promise", &vectors)
	for _, one := range vectors.Verdicts {
		if one.Name != "evidence without it" {
			continue
		}
		for cut, want := range map[int]Word{1: CannotTell, len(one.Evidence) - 1: CannotTell, len(one.Evidence): CannotTell} {
			proof := PromiseProof{Document: linesOf(one.Evidence[:cut])}
			verdict := VerifyPromise(marshalled(one.Promise), pinnedKey(t, &vectors), proof)
			if verdict.Verdict != want || verdict.Promise == Broken {
				t.Errorf("%d lines: %s and %s", cut, verdict.Verdict, verdict.Promise)
			}
		}
		proof := PromiseProof{Document: linesOf(append(append([]object{}, one.Evidence[:2]...), one.Evidence[3:]...))}
		if verdict := VerifyPromise(marshalled(one.Promise), pinnedKey(t, &vectors), proof); verdict.Verdict != Refused || verdict.Promise != "" {
			t.Errorf("a line less: %s and %s", verdict.Verdict, verdict.Promise)
		}
	}
}

// holdToStatements gives the first entry of the vectors that is read as what it is not.
func holdToStatements(t *testing.T) (err error) {
	var vectors struct {
		Here    struct{ Ledger, Program string }
		Entries []struct{ Entry, Is, Why string }
	}
	readVectors(t, "statement", &vectors)
	count := map[string]int{}
	for at, one := range vectors.Entries {
		entry, _ := hex.DecodeString(one.Entry)
		read, isOne := decodeStatement(entry)
		want := one.Is == "statement" || one.Is == "elsewhere" || one.Is == "not_signed"
		if isOne != want {
			return fmt.Errorf("entry %d, which is %s (%s): %t", at, one.Is, one.Why, isOne)
		}
		if isOne && one.Is == "statement" && read.of.ledger.String() != vectors.Here.Ledger {
			return fmt.Errorf("entry %d is for ledger %s", at, read.of.ledger)
		}
		count[one.Is]++
	}
	if count["statement"] < 3 || count["malformed"] < 50 {
		return fmt.Errorf("%v", count)
	}
	return nil
}

func TestStatementsAreReadInTheirOneEncoding(t *testing.T) {
	if err := holdToStatements(t); err != nil {
		t.Fatal(err)
	}
}

func FuzzStatement(f *testing.F) {
	var vectors struct{ Entries []struct{ Entry, Is string } }
	readVectors(f, "statement", &vectors)
	for _, one := range vectors.Entries {
		if entry, err := hex.DecodeString(one.Entry); err == nil && one.Is == "statement" {
			f.Add(entry)
		}
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		if _, isOne := decodeStatement(entry); !isOne {
			return
		}
		for name, other := range map[string][]byte{"a byte less": entry[:len(entry)-1], "a byte more": append(entry[:len(entry):len(entry)], 0)} {
			if _, isOne := decodeStatement(other); isOne {
				t.Errorf("%s is a statement, too", name)
			}
		}
	})
}
