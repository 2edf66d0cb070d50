package strictjson

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTextsThatReadersTakeInTwoWaysAreRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "{", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `[{"b":{"a":1,"a":1}}]`, `"\ud800"`, `"\udc00"`, `"\ud800\u0041"`, `"\ud800x"`,
		"\"\xff\"", "\"\xed\xa0\x80\"", "\ufeff{}", "01", "+1", "1.", ".5", "1e", "-", "0x1", "NaN", "nul", "truex", "[1,]", "[,1]",
		`{"a":1,}`, `{"a"}`, `{1:2}`, `{'a':1}`, "\"\x00\"", "\"\n\"", `"\x41"`, `"\u00g0"`, `"\u00"`, `"a`, "[] []", "[]x", "[1 2]", `"\`, `"\u`,
	} {
		if value, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, value)
		}
	}
}

func TestValuesAreRead(t *testing.T) {
	text := " {\"a\" : [ null , true,false, -0.5E+3, 0, \"\\u00e9\\ud83d\\ude00\\\"\\/\\b\\f\\n\\r\\t\\\\x\" ] ,\r\n\t\"\":{} }\n"
	want := []Member{
		{"a", []any{nil, true, false, Number{}, Number{}, "é😀\"/\b\f\n\r\t\\x"}}, {"", []Member{}},
	}
	if value, err := Parse([]byte(text)); err != nil || !reflect.DeepEqual(value, want) {
		t.Errorf("%v, %v", value, err)
	}
}

func TestNestingHasAnEnd(t *testing.T) {
	for depth, isRead := range map[int]bool{1: true, MaxDepth: true, MaxDepth + 1: false, 1_000_000: false} {
		text := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		if _, err := Parse([]byte(text)); (err == nil) != isRead {
			t.Errorf("%d: %v", depth, err)
		}
	}
}

func TestPlacesAreNamed(t *testing.T) {
	value, err := Parse([]byte(`{"a":{"list":["1","x"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	document := Open(value)
	Read(document, "a", func(value any) (none struct{}, err *Error) {
		inner := Open(value)
		Read(inner, "list", List(Uint64))
		return none, inner.Close()
	})
	if err := document.Close(); err == nil || err.Place != "a.list[1]" {
		t.Error(err)
	}
}

// isStrict is the oracle: the standard library's reader, which takes more, and what it takes besides.
func isStrict(text []byte) bool {
	if !utf8.Valid(text) || !json.Valid(text) || hasHalfPair(text) {
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	type level struct {
		names  map[string]bool
		isName bool
	}
	var levels []level
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return true
		}
		if err != nil {
			return false
		}
		last := len(levels) - 1
		if name, isText := token.(string); isText && last >= 0 && levels[last].isName {
			if levels[last].names[name] {
				return false
			}
			levels[last].names[name], levels[last].isName = true, false
			continue
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{map[string]bool{}, true})
		case json.Delim('['):
			levels = append(levels, level{})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:last]
			last--
		}
		if len(levels) > MaxDepth {
			return false
		}
		if token != json.Delim('{') && token != json.Delim('[') && last >= 0 && levels[last].names != nil {
			levels[last].isName = true
		}
	}
}

// hasHalfPair says whether an escape is half a pair of surrogates, which the standard library replaces.
func hasHalfPair(text []byte) bool {
	unit := func(at int) uint64 {
		if at+6 > len(text) || text[at] != '\\' || text[at+1] != 'u' {
			return 0
		}
		unit, _ := strconv.ParseUint(string(text[at+2:at+6]), 16, 16)
		return unit
	}
	for at := 0; at < len(text); at++ {
		if text[at] != '\\' {
			continue
		}
		switch high := unit(at); {
		case high>>10 == 0xd800>>10 && unit(at+6)>>10 == 0xdc00>>10:
			at += 11
		case high>>11 == 0xd800>>11:
			return true
		default:
			at++
		}
	}
	return false
}

func TestTextsAreReadExactlyWhereTheStandardLibraryReadsThemStrictly(t *testing.T) {
	seed := time.Now().UnixNano()
	if given, err := strconv.ParseInt(os.Getenv("SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("SEED=%d", seed)
	draw := rand.New(rand.NewSource(seed))
	parts := []string{`"a"`, `"b"`, `"\u0061"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\udc00"`, `"\\ud800"`, "{", "}", "[", "]", ":", ",", "1", "-0.5e7", "00", "true",
		"null", " ", "\n", `"`, `\`, "\xff", "\u00e9", `{"a":1}`, `{"a":[1,2]}`, `"a":`, `"b":`, ",", "}", "]", "1"}
	read := 0
	for round := 0; round < 200_000; round++ {
		var text []byte
		for count := draw.Intn(9); count >= 0; count-- {
			text = append(text, parts[draw.Intn(len(parts))]...)
		}
		_, err := Parse(text)
		if (err == nil) != isStrict(text) {
			t.Fatalf("%q: %v, the oracle %t", text, err, isStrict(text))
		}
		if err == nil {
			read++
		}
	}
	if read < 1_000 {
		t.Errorf("only %d texts are JSON", read)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{`{"a":[1,"\ud83d\ude00"]}`, `{"a":1,"a":2}`, "[[[[", "\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := Parse(text); (err == nil) != isStrict(text) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
