package verifier

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand"
	"strconv"
	"strings"
)

// mutatedPin alters a pin, seldom so that it cannot be read.
func mutatedPin(draw *rand.Rand, pin object) []byte {
	var heads []any
	for _, head := range pin["heads"].([]any) {
		size, root := head.(object)["size"].(string), head.(object)["root"].(string)
		number, _ := strconv.ParseUint(size, 10, 64)
		switch draw.Intn(10) {
		case 0:
		case 1:
			heads = append(heads, altered(head, []string{"root"}, flipped(root)))
		case 2:
			heads = append(heads, altered(head, []string{"size"}, strconv.FormatUint(number+uint64(draw.Intn(4)), 10)))
		case 3:
			other := map[any]string{"entries": "events", "events": "entries"}[head.(object)["log"]]
			heads = append(heads, altered(head, []string{"log"}, other))
		case 4:
			heads = append(heads, head, head)
		default:
			heads = append(heads, head)
		}
	}
	changed := altered(pin, []string{"heads"}, append([]any{}, heads...)).(object)
	for _, name := range []string{"genesis_hash", "program", "ledger", "heads"} {
		switch draw.Intn(16) {
		case 0, 1:
			delete(changed, name)
		case 2:
			if name != "heads" && changed[name] != nil {
				changed[name] = strings.Repeat("1", 32)
			}
		}
	}
	if draw.Intn(20) == 0 {
		return mutatedTree(draw, marshalled(changed))
	}
	return marshalled(changed)
}

// mutated alters a document: its bytes, its tree, or one of its lines.
func mutated(draw *rand.Rand, text []byte) []byte {
	text = append([]byte(nil), text...)
	if lines := bytes.SplitAfter(text, []byte("\n")); len(lines) > 2 && draw.Intn(3) > 0 {
		at, other := draw.Intn(len(lines)-1), draw.Intn(len(lines)-1)
		switch draw.Intn(6) {
		case 0:
			lines[at], lines[other] = lines[other], lines[at]
		case 1:
			lines[at] = lines[other]
		case 2:
			lines = append(lines[:at], lines[at+1:]...)
		default:
			lines[at] = append(bytes.TrimRight(mutatedTree(draw, lines[at]), "\n"), '\n')
		}
		return bytes.Join(lines, nil)
	}
	if draw.Intn(3) > 0 {
		return mutatedTree(draw, text)
	}
	for count := draw.Intn(3) + 1; count > 0 && len(text) > 0; count-- {
		at := draw.Intn(len(text))
		switch draw.Intn(5) {
		case 0:
			text[at] = byte(draw.Intn(256))
		case 1:
			text = append(text[:at], text[at+1:]...)
		case 2:
			text = text[:at]
		case 3:
			text = append(text[:at], append([]byte(inserts[draw.Intn(len(inserts))]), text[at:]...)...)
		default:
			text[at] ^= 1 << draw.Intn(8)
		}
	}
	return text
}

var inserts = []string{" ", "\n", "\t", "\u00a0", "\\u0041", "\\ud83d\\ude00", "\\ud800", "\\udc00", "\xff", "\xed\xa0\x80", "\x00", "0",
	"-", "1e5", "\"", "{", "[", "null,", "\ufeff", "\\/", "=", "\u202e"}

// values are what a member may become.
var values = []any{nil, true, false, "", "0", "1", "2", "7", "00", "-1", "+1", "01", "281474976710654", "281474976710655", "281474976710656",
	"18446744073709551614", "18446744073709551615", "18446744073709551616", 0, 1.5, []any{}, object{}, "entries", "events",
	strings.Repeat("0", 64), strings.Repeat("f", 64), strings.Repeat("F", 64), strings.Repeat("1", 32), strings.Repeat("1", 33),
	"counterfoil receipt v1", "counterfoil receipt v2", "counterfoil certificate v1", "counterfoil evidence v1",
	"counterfoil promise v1", "AA==", "AB==", "AA=", "AAA", "A\nA=="}

// mutatedTree alters a JSON text at one place of its tree; bytes where it is none.
func mutatedTree(draw *rand.Rand, text []byte) []byte {
	var tree any
	if json.Unmarshal(text, &tree) != nil {
		return text
	}
	var places []func(any)
	var found []any
	var walk func(value any)
	visit := func(value any, set func(any)) {
		places, found = append(places, set), append(found, value)
		walk(value)
	}
	walk = func(value any) {
		switch value := value.(type) {
		case object:
			for _, name := range sortedNames(value) {
				name := name
				visit(value[name], func(other any) { value[name] = other })
			}
		case []any:
			for at := range value {
				at := at
				visit(value[at], func(other any) { value[at] = other })
			}
		}
	}
	visit(tree, func(other any) { tree = other })
	at := draw.Intn(len(places))
	places[at](changed(draw, found[at], found))
	text = marshalled(tree)
	if draw.Intn(8) == 0 {
		text = bytes.Replace(text, []byte(":"), []byte(" :\t"), 3)
	}
	if draw.Intn(8) == 0 {
		// The first letter of a name as its escape.
		text = bytes.Replace(text, []byte(`"e`), []byte(`"\u0065`), 2)
	}
	return text
}

func sortedNames(value object) []string {
	var names []string
	for name := range value {
		at := 0
		for at < len(names) && names[at] < name {
			at++
		}
		names = append(names[:at], append([]string{name}, names[at:]...)...)
	}
	return names
}

// changed gives another value for one, often a near one.
func changed(draw *rand.Rand, value any, others []any) any {
	if draw.Intn(6) == 0 {
		// Texts alone: a list or an object may hold the place itself.
		if other, isText := others[draw.Intn(len(others))].(string); isText {
			return other
		}
	}
	if draw.Intn(4) == 0 {
		return values[draw.Intn(len(values))]
	}
	switch value := value.(type) {
	case string:
		if number, err := strconv.ParseUint(value, 10, 64); err == nil && len(value) < 21 {
			return strconv.FormatUint(number+uint64(draw.Intn(5))-2, 10)
		}
		if bytes, err := base64.StdEncoding.DecodeString(value); err == nil && len(bytes) > 0 && len(value) != 64 {
			switch at := draw.Intn(len(bytes)); draw.Intn(4) {
			case 0:
				return base64.StdEncoding.EncodeToString(bytes[:at])
			case 1:
				return base64.StdEncoding.EncodeToString(append(bytes, byte(at)))
			default:
				bytes[at] ^= 1 << draw.Intn(8)
				return base64.StdEncoding.EncodeToString(bytes)
			}
		}
		if len(value) == 0 {
			return "x"
		}
		at := draw.Intn(len(value))
		return value[:at] + string("0123456789abcdefABCDXYZ"[draw.Intn(23)]) + value[at+1:]
	case []any:
		if len(value) == 0 || draw.Intn(2) == 0 {
			return append(append([]any{}, value...), strings.Repeat("a", 64))
		}
		at := draw.Intn(len(value))
		return append(append([]any{}, value[:at]...), value[at+1:]...)
	case object:
		names := sortedNames(value)
		if len(names) == 0 || draw.Intn(2) == 0 {
			return altered(value, []string{[]string{"note", "proof", "content", "salt", "statement", "transaction"}[draw.Intn(6)]},
				values[draw.Intn(len(values))])
		}
		copied := altered(value, []string{names[0]}, value[names[0]]).(object)
		delete(copied, names[draw.Intn(len(names))])
		return copied
	}
	return values[draw.Intn(len(values))]
}
