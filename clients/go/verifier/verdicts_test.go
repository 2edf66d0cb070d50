package verifier

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
)

// verdictVectors are the vectors v1: documents and pins, and each vector as one splice of a document's bytes.
type verdictVectors struct {
	Documents map[string]struct{ Text string }
	Pins      map[string]json.RawMessage
	Answers   map[string]any
	Rules     []struct {
		Rule    string
		Verdict Word
		Vectors []struct {
			Of, Pin    string
			Answer     string
			At, Remove int
			Insert     string
			Bytes      []byte `json:"insert_base64"`
		}
	}
}

// differing counts the vectors, and those that a verifier gives another verdict than their rule says; the first of them in words.
func differing(vectors verdictVectors, verify func(document []byte, pin Pin) Verdict) (all, others int, first string) {
	for _, rule := range vectors.Rules {
		for _, vector := range rule.Vectors {
			text := vectors.Documents[vector.Of].Text
			document := append([]byte(text[:vector.At]), vector.Insert...)
			document = append(append(document, vector.Bytes...), text[vector.At+vector.Remove:]...)
			pin, err := ReadPin(vectors.Pins[vector.Pin])
			if err != nil {
				panic(err)
			}
			all++
			found := verify(document, pin)
			answer := object{"claims": found.Claims, "facts": found.Facts}
			expected, isThere := vectors.Answers[vector.Answer]
			if !isThere {
				expected = object{"claims": nil, "facts": nil}
			}
			if found.Verdict != rule.Verdict || !reflect.DeepEqual(plain(answer), expected) {
				if others++; first == "" {
					first = fmt.Sprintf("%s of %s at %d: %s: %s", rule.Rule, vector.Of, vector.At, found.Verdict, found.Reason)
				}
			}
		}
	}
	return all, others, first
}

// plain gives a value as its JSON reads.
func plain(value any) any {
	var read any
	if err := json.Unmarshal(marshalled(value), &read); err != nil {
		panic(err)
	}
	return read
}

func TestEachVectorGetsTheVerdictOfItsRule(t *testing.T) {
	var vectors verdictVectors
	readVectors(t, "verdicts", &vectors)
	all, others, first := differing(vectors, Verify)
	if all < 2_000 || others > 0 {
		t.Fatalf("%d of %d differ; %s", others, all, first)
	}
	// Twin: a verifier that says one word fails the same run.
	for _, word := range []Word{Verified, Refused, CannotTell, Consistent} {
		blind := func([]byte, Pin) Verdict { return Verdict{Verdict: word} }
		if _, others, _ := differing(vectors, blind); others == 0 {
			t.Errorf("a verifier that always says %s passes", word)
		}
	}
}
