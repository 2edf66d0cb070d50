package verifier

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"counterfoil.dev/go/internal/compare"
	"counterfoil.dev/go/merkle"
)

// pinned gives a pin of all that a verdict says of its document, altered.
func pinned(t testing.TB, verdict Verdict, alter func(parts *Parts)) Pin {
	t.Helper()
	claims := verdict.Claims
	if claims == nil {
		t.Fatalf("there are no claims: %s", verdict.Reason)
	}
	parts := Parts{claims.GenesisHash, claims.Program, claims.Ledger, append([]LogHead{}, claims.Heads...)}
	if alter != nil {
		alter(&parts)
	}
	pin, err := NewPin(parts)
	if err != nil {
		t.Fatal(err)
	}
	return pin
}

// holdToVectors holds the verifier to what the vectors say of each document, without a pin and with one of all that it says.
func holdToVectors(all []sample) (map[Word]int, error) {
	counts := map[Word]int{}
	for _, sample := range all {
		alone := Verify(sample.text, Pin{})
		want := map[truth]Word{holds: CannotTell, breaks: Refused, untold: CannotTell}[sample.truth]
		if alone.Verdict != want || alone.Facts != nil || (alone.Claims != nil) != (sample.truth == holds) {
			return nil, fmt.Errorf("%s is %s: %s", sample.name, alone.Verdict, alone.Reason)
		}
		if sample.truth != holds {
			counts[alone.Verdict]++
			continue
		}
		pin, err := ReadPin(marshalled(pinOf(alone)))
		if err != nil {
			return nil, err
		}
		verdict := Verify(sample.text, pin)
		isCompared := false
		for _, one := range verdict.Compared {
			isCompared = isCompared || one.By == "pin" && one.Equal
		}
		// Every log extends the empty one: that shows nothing of the later one, unless that is pinned as well.
		if verdict.Verdict != Verified && verdict.Verdict != Consistent || !isCompared {
			return nil, fmt.Errorf("%s, pinned, is %s: %s", sample.name, verdict.Verdict, verdict.Reason)
		}
		counts[verdict.Verdict]++
	}
	return counts, nil
}

func TestEachDocumentOfTheVectorsGetsItsVerdict(t *testing.T) {
	all := samples(t)
	counts, err := holdToVectors(all)
	if err != nil {
		t.Fatal(err)
	}
	if counts[Verified] < 80 || counts[Refused] < 1_000 || counts[CannotTell] < 3 {
		t.Errorf("%v", counts)
	}
	without(t, &compare.Hashes, func(_, _ [32]byte) bool { return true })
	if _, err := holdToVectors(all); err == nil {
		t.Error("twin: a verifier that compares no hashes passes the same run")
	}
}

// holdToPins gives the first part of a pin without which a verdict is the same.
func holdToPins(t *testing.T, all []sample) error {
	for _, sample := range all {
		if sample.truth != holds {
			continue
		}
		alone := Verify(sample.text, Pin{})
		for at, head := range alone.Claims.Heads {
			by := func(head LogHead) Verdict {
				return Verify(sample.text, pinned(t, alone, func(parts *Parts) { parts.Heads = []LogHead{head} }))
			}
			other := head
			other.Root[0] ^= 1
			if got := by(other); got.Verdict != Refused || got.Where == "" || got.Facts != nil {
				return fmt.Errorf("%s, head %d: another root is %s", sample.name, at, got.Verdict)
			}
			sized := head
			sized.Size++
			if got := by(sized); got.Verdict != Refused {
				return fmt.Errorf("%s, head %d: another size is %s", sample.name, at, got.Verdict)
			}
			// A head of another size and root tells nothing.
			other.Size += 1_000
			if got := by(other); got.Verdict != CannotTell {
				return fmt.Errorf("%s, head %d: another head is %s", sample.name, at, got.Verdict)
			}
		}
		if alone.Claims.Ledger == nil {
			continue
		}
		for name, alter := range map[string]func(parts *Parts){
			"genesis_hash": func(parts *Parts) { parts.GenesisHash = &Key{} },
			"program":      func(parts *Parts) { parts.Program = &Key{} },
			"ledger":       func(parts *Parts) { parts.Ledger = &Key{} },
		} {
			if got := Verify(sample.text, pinned(t, alone, alter)); got.Verdict != Refused || got.Where != name {
				return fmt.Errorf("%s: another %s is %s", sample.name, name, got.Verdict)
			}
		}
	}
	return nil
}

func TestEachValueOfAPinIsCompared(t *testing.T) {
	all := samples(t)
	if err := holdToPins(t, all); err != nil {
		t.Fatal(err)
	}
	without(t, &compare.Hashes, func(_, _ [32]byte) bool { return true })
	if holdToPins(t, all) == nil {
		t.Error("twin: a verifier that compares no pins passes the same run")
	}
}

// holdToBytes alters each byte of documents, and gives the first that changes what a verdict shows.
func holdToBytes(t *testing.T, all []sample) error {
	chosen := map[string]bool{"receipt 0": true, "receipt 3": true, "receipt 6": true, "evidence 0": true, "page 3": true, "consistency 42": true}
	altered, verified := 0, 0
	for _, sample := range all {
		if !chosen[sample.name] {
			continue
		}
		if sample.truth != holds {
			return fmt.Errorf("%s does not hold", sample.name)
		}
		pin := pinned(t, Verify(sample.text, Pin{}), nil)
		facts := Verify(sample.text, pin).Facts
		for at := range sample.text {
			altered++
			sample.text[at] ^= 1
			verdict := Verify(sample.text, pin)
			sample.text[at] ^= 1
			switch verdict.Verdict {
			case Refused, CannotTell:
			case Verified:
				// Hints, and an event of which no head is pinned: no verdict shows them.
				if verified++; !reflect.DeepEqual(verdict.Facts, facts) {
					return fmt.Errorf("%s, byte %d shows other facts", sample.name, at)
				}
			default:
				return fmt.Errorf("%s, byte %d is %s", sample.name, at, verdict.Verdict)
			}
		}
	}
	if altered < 8_000 || verified > altered/20 {
		return fmt.Errorf("of %d altered bytes %d are verified", altered, verified)
	}
	return nil
}

func TestEachByteOfADocumentIsCompared(t *testing.T) {
	all := samples(t)
	if err := holdToBytes(t, all); err != nil {
		t.Fatal(err)
	}
	without(t, &compare.Hashes, func(_, _ [32]byte) bool { return true })
	if holdToBytes(t, all) == nil {
		t.Error("twin: a verifier that compares no hashes passes the same run")
	}
}

func sampleNamed(t testing.TB, name string) sample {
	for _, sample := range samples(t) {
		if sample.name == name {
			return sample
		}
	}
	t.Fatalf("there is no %s", name)
	return sample{}
}

func TestTheTwoHalvesOfAPinShowTwoThings(t *testing.T) {
	text := sampleNamed(t, "receipt 6").text
	alone := Verify(text, Pin{})
	of := func(log Log) Verdict {
		return Verify(text, pinned(t, alone, func(parts *Parts) {
			var heads []LogHead
			for _, head := range parts.Heads {
				if head.Log == log {
					heads = append(heads, head)
				}
			}
			parts.Heads = heads
		}))
	}
	entries, events := of(Entries), of(Events)
	if entries.Verdict != Verified || entries.Facts.Event != nil {
		t.Errorf("entries: %+v", entries)
	}
	if events.Verdict != Verified || events.Facts.Event == nil || events.Facts.Event.Slot == 0 {
		t.Errorf("events: %+v", events)
	}
	isNamed := func(verdict Verdict) bool {
		return strings.Contains(strings.Join(verdict.NotChecked, "|"), "whose ledger it is")
	}
	unnamed := Verify(text, pinned(t, alone, func(parts *Parts) { parts.Ledger = nil }))
	if !isNamed(unnamed) || isNamed(entries) {
		t.Error("whose ledger it is")
	}
}

func TestALaterHeadThatOnlyExtendsThePinnedOneIsConsistent(t *testing.T) {
	for _, sample := range consistencies(t) {
		claims := Verify(sample.text, Pin{}).Claims
		if sample.truth != holds || claims.Heads[0].Size < 3 || claims.Heads[0].Size == claims.Heads[1].Size {
			continue
		}
		by := func(log Log, head merkle.Head) Word {
			pin, err := NewPin(Parts{Heads: []LogHead{{log, head}}})
			if err != nil {
				t.Fatal(err)
			}
			return Verify(sample.text, pin).Verdict
		}
		first, second := claims.Heads[0].Head, claims.Heads[1].Head
		if got := []Word{by(Entries, first), by(Entries, second), by(Events, second)}; !reflect.DeepEqual(got,
			[]Word{Consistent, Verified, CannotTell}) {
			t.Errorf("%s: %v", sample.name, got)
		}
	}
}

func TestAPinThatCannotBeReadIsItsAuthorsFault(t *testing.T) {
	root := strings.Repeat("0", 64)
	head := func(size, root string) string {
		return fmt.Sprintf(`{"log":"entries","size":%q,"root":%q}`, size, root)
	}
	for _, pin := range []string{
		`{"ledger":"x"}`, `{"ledger":null}`, `{"note":1}`, `[]`, `{`, `{"heads":[` + head("01", root) + `]}`, `{"heads":null}`,
		`{"heads":[{"log":"entries","size":"1","root":"` + root + `","note":1}]}`, `{"heads":[["entries","1","` + root + `"]]}`,
		`{"heads":[` + head("281474976710656", root) + `]}`, `{"heads":[{"log":"other","size":"1","root":"` + root + `"}]}`,
		`{"heads":[` + head("1", root) + `,` + head("1", "1"+root[1:]) + `]}`,
	} {
		if _, err := ReadPin([]byte(pin)); err == nil {
			t.Errorf("%s", pin)
		}
	}
	if _, err := NewPin(Parts{Heads: []LogHead{{"", merkle.Head{}}}}); err == nil {
		t.Error("a head of no log")
	}
	for _, pin := range []string{"", "{}", `{"heads":[]}`, `{"heads":[` + head("1", root) + `,` + head("1", root) + `]}`} {
		if _, err := ReadPin([]byte(pin)); err != nil {
			t.Errorf("twin: %s: %v", pin, err)
		}
	}
}

func TestHostileInputGetsAVerdictThatIsNotAGoodOne(t *testing.T) {
	receipt := sampleNamed(t, "receipt 6").text
	pin := pinned(t, Verify(receipt, Pin{}), nil)
	long := append([]byte(`{"format":"counterfoil receipt v2","entry":{"payload":"`), bytes.Repeat([]byte("A"), 50<<20)...)
	header := []byte(`{"format":"counterfoil evidence v1"}` + "\n")
	for name, text := range map[string][]byte{
		"nothing": nil, "a quote": []byte(`"`), "a zero": {0}, "no members": []byte(`{"format":"counterfoil receipt v2"}`),
		"a million lists": bytes.Repeat([]byte("["), 1_000_000), "objects": bytes.Repeat([]byte(`{"a":`), 100_000),
		"50 MB": append(long, `"}}`...), "50 MB cut": long, "64 MiB and one byte": make([]byte, MaxBytes+1),
		"64 MiB of lists": bytes.Repeat([]byte("[]"), MaxBytes/2), "64 MiB of zeros": append([]byte("[0"), bytes.Repeat([]byte(",0"), MaxBytes/2-1)...),
		"16 MiB of zeros": append(append([]byte("[0"), bytes.Repeat([]byte(",0"), maxTextBytes/2-2)...), ']'),
		"ends of lines":   bytes.Repeat([]byte("\n"), 1<<20), "evidence that ends": header,
		"a long line of evidence": append(header, bytes.Repeat([]byte(" "), maxLineBytes+1)...),
		"an event without bytes":  []byte(`{"format":"counterfoil receipt v2","event":{"seq":"0","leaf":""}}`),
		"second":                  []byte(`{"second":{}}`), "certificate": []byte(`{"certificate":{}}`), "entries": []byte(`{"entries":[]}`),
	} {
		verdict := Verify(text, pin)
		if verdict.Verdict != Refused && verdict.Verdict != CannotTell || verdict.Facts != nil || verdict.Claims != nil {
			t.Errorf("%s: %s", name, verdict.Verdict)
		}
	}
	for at := 0; at < len(receipt); at += 7 {
		if verdict := Verify(receipt[:at], pin); verdict.Verdict != Refused {
			t.Errorf("cut at %d: %s", at, verdict.Verdict)
		}
	}
}

func TestTextsOfADocumentAreShownEscapedAndCut(t *testing.T) {
	var receipt object
	if err := json.Unmarshal(sampleNamed(t, "receipt 6").text, &receipt); err != nil {
		t.Fatal(err)
	}
	format := "x\u202eevil\a" + strings.Repeat("y", 10_000)
	verdict := Verify(marshalled(altered(receipt, []string{"format"}, format)), Pin{})
	if verdict.Verdict != Refused || strings.ContainsAny(verdict.Reason, "\u202e\a") || len(verdict.Reason) > 700 {
		t.Error(verdict.Reason)
	}
}

func TestKindsOfEventsHaveTheDiscriminatorsOfTheirNames(t *testing.T) {
	for digits, kind := range kinds {
		if hash := sha256Of("event:" + kind.name); hash[:16] != digits {
			t.Errorf("%s is %s", kind.name, hash[:16])
		}
	}
}

func FuzzVerify(f *testing.F) {
	for at, sample := range samples(f) {
		if sample.truth == holds && at%10 == 0 {
			f.Add(sample.text, marshalled(pinOf(Verify(sample.text, Pin{}))))
		}
	}
	f.Fuzz(func(t *testing.T, document, given []byte) {
		if alone := Verify(document, Pin{}); alone.Verdict != Refused && alone.Verdict != CannotTell || alone.Facts != nil {
			t.Errorf("without a pin it is %s", alone.Verdict)
		}
		pin, err := ReadPin(given)
		if err != nil {
			return
		}
		verdict := Verify(document, pin)
		isShown := false
		for _, one := range verdict.Compared {
			isShown = isShown || one.By == "pin" && one.Equal && one.Found == one.Expected && strings.HasPrefix(one.What, "head")
		}
		if (verdict.Verdict == Verified || verdict.Verdict == Consistent) && !isShown || (verdict.Verdict == Verified) != (verdict.Facts != nil) {
			t.Errorf("%s without a head that is pinned", verdict.Verdict)
		}
		VerifyPromise(document, nil, PromiseProof{Document: given, Pin: pin})
	})
}

func BenchmarkVerifyReceipt(b *testing.B) {
	text := sampleNamed(b, "receipt 6").text
	pin, begin := pinned(b, Verify(text, Pin{}), nil), time.Now()
	for at := 0; at < b.N; at++ {
		if Verify(text, pin).Verdict != Verified {
			b.Fatal("it is not verified")
		}
	}
	b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "receipts/s")
}
