package verifier

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"counterfoil.dev/go/internal/compare"
)

// wasm is the WebAssembly file in a process that answers a line for each line.
type wasm struct {
	requests *bufio.Writer
	answers  *bufio.Reader
}

// question is a document and the pin to compare it with, as JSON; none where it is empty.
type question struct{ document, pin []byte }

func startWasm(t *testing.T) *wasm {
	t.Helper()
	command := exec.Command("node", "testdata/wasm.mjs")
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("this test compares with the WebAssembly file, which Node.js 20 runs: %v", err)
	}
	t.Cleanup(func() {
		input.Close()
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &wasm{bufio.NewWriter(input), bufio.NewReaderSize(output, 1<<20)}
}

// verify gives the answers to all questions, in order.
func (w *wasm) verify(asked []question) ([]object, error) {
	written := make(chan error, 1)
	go func() {
		for _, one := range asked {
			request := object{"document": base64.StdEncoding.EncodeToString(one.document)}
			if len(one.pin) > 0 {
				request["pin"] = json.RawMessage(one.pin)
			}
			w.requests.Write(append(marshalled(request), '\n'))
		}
		written <- w.requests.Flush()
	}()
	answers := make([]object, len(asked))
	for at := range answers {
		line, err := w.answers.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &answers[at])
		}
		if err != nil {
			return nil, fmt.Errorf("answer %d: %w", at, err)
		}
	}
	return answers, <-written
}

// answerOf is this package's answer in the form of the WebAssembly file's.
func answerOf(asked question) object {
	pin, err := ReadPin(asked.pin)
	if err != nil {
		return object{"error": err.Error()}
	}
	var answer object
	if err := json.Unmarshal(marshalled(Verify(asked.document, pin)), &answer); err != nil {
		panic(err)
	}
	return answer
}

// compareAnswers says how two answers differ. The wording of a refusal is each reader's own.
func compareAnswers(ours, theirs object) string {
	if ours["error"] != nil && theirs["error"] != nil {
		return ""
	}
	names := map[string]bool{}
	for _, answer := range []object{ours, theirs} {
		for name := range answer {
			names[name] = true
		}
	}
	if ours["verdict"] == "refused" {
		delete(names, "reason")
	}
	for name := range names {
		if !reflect.DeepEqual(ours[name], theirs[name]) {
			return fmt.Sprintf("%s: %s here, %s there", name, marshalled(ours[name]), marshalled(theirs[name]))
		}
	}
	return ""
}

// questions has the documents of the vectors and altered ones, without a pin, with a pin of all that each says, and with random
// pins.
func questions(t *testing.T, draw *rand.Rand, rounds int) (all []question) {
	samples := samples(t)
	all = extremes(t)
	var pins []object
	for _, sample := range samples {
		all = append(all, question{sample.text, nil})
		if pin := pinOf(Verify(sample.text, Pin{})); pin != nil {
			all = append(all, question{sample.text, marshalled(pin)})
			pins = append(pins, pin)
		}
	}
	for round := 0; round < rounds; round++ {
		// Most of the vectors are altered already.
		sample := samples[draw.Intn(len(samples))]
		for try := 0; sample.truth != holds && try < 3; try++ {
			sample = samples[draw.Intn(len(samples))]
		}
		text := sample.text
		if draw.Intn(8) > 0 {
			text = mutated(draw, text)
		}
		var pin []byte
		if draw.Intn(4) > 0 {
			one := pinOf(Verify(text, Pin{}))
			if one == nil {
				one = pinOf(Verify(sample.text, Pin{}))
			}
			if one == nil || draw.Intn(10) == 0 {
				one = pins[draw.Intn(len(pins))]
			}
			pin = mutatedPin(draw, one)
		}
		all = append(all, question{text, pin})
	}
	return all
}

// extremes has documents at the ends of what is read.
func extremes(t *testing.T) (all []question) {
	add := func(text string) { all = append(all, question{[]byte(text), nil}) }
	for _, depth := range []int{1, 126, 127, 128, 1_000, 1_000_000} {
		lists, objects := strings.Repeat("[", depth), strings.Repeat(`{"a":`, depth)
		for _, text := range []string{lists + strings.Repeat("]", depth), lists, objects + "0" + strings.Repeat("}", depth), objects} {
			add(text)
			add(`{"second":` + text + "}")
		}
	}
	page := pages(t)[3]
	for _, number := range []string{"18446744073709551615", "18446744073709551614", "281474976710655", "281474976710654"} {
		row := altered(page["entries"].([]any)[0], []string{"index"}, number)
		for _, path := range []string{"from", "to"} {
			changed := altered(altered(page, []string{"entries"}, []any{row, row}), []string{"certificate", path}, number)
			all = append(all, question{marshalled(changed), nil})
			changed = altered(altered(page, []string{"entries"}, []any{row}), []string{"certificate", path}, number)
			all = append(all, question{marshalled(changed), nil})
			changed = altered(altered(page, []string{"entries"}, []any{}), []string{"certificate", path}, number)
			all = append(all, question{marshalled(changed), nil})
		}
	}
	spaces := strings.Repeat(" ", maxTextBytes)
	evidence := string(sampleNamed(t, "evidence 0").text)
	add(spaces + evidence)
	add(spaces[:maxLineBytes] + evidence)
	add(evidence + spaces[:maxLineBytes])
	add(evidence + "\n")
	add(strings.TrimSuffix(evidence, "\n"))
	add(strings.ReplaceAll(evidence, "\n", "\r\n"))
	receipt := string(sampleNamed(t, "receipt 6").text)
	add(spaces + receipt)
	add(spaces[len(receipt):] + receipt)
	add("\n" + receipt + "\n")
	add(spaces + `{"format":"counterfoil evidence v1","a":{"b":1,"b":1}}`)
	add(spaces + `{"format":"counterfoil evidence v1","format":""}`)
	add(spaces + "{")
	return all
}

// pinOf gives a pin of all that a verdict without a pin says of a document.
func pinOf(verdict Verdict) object {
	if verdict.Claims == nil {
		return nil
	}
	var pin object
	if err := json.Unmarshal(marshalled(verdict.Claims), &pin); err != nil {
		panic(err)
	}
	return pin
}

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

// environment reads a number from the environment.
func environment(name string, otherwise int64) int64 {
	if number, err := strconv.ParseInt(os.Getenv(name), 10, 64); err == nil {
		return number
	}
	return otherwise
}

// holdToWasm compares the answers to all questions, and gives the differences.
func holdToWasm(t *testing.T, oracle *wasm, asked []question) (differences []string, counts map[any]int) {
	counts = map[any]int{}
	answers, err := oracle.verify(asked)
	if err != nil {
		t.Fatal(err)
	}
	for at, one := range asked {
		counts[answers[at]["verdict"]]++
		if difference := compareAnswers(answerOf(one), answers[at]); difference != "" {
			differences = append(differences, fmt.Sprintf("%s\n  document %.2000s\n  pin %s", difference, one.document, one.pin))
		}
	}
	return differences, counts
}

func TestVerdictsAreThoseOfTheWebAssemblyFile(t *testing.T) {
	seed := environment("SEED", time.Now().UnixNano())
	t.Logf("SEED=%d", seed)
	oracle := startWasm(t)
	asked := questions(t, rand.New(rand.NewSource(seed)), int(environment("N", 2_000)))
	differences, counts := holdToWasm(t, oracle, asked)
	t.Logf("%d questions: %v", len(asked), counts)
	for at, difference := range differences {
		if at == 10 {
			t.Fatalf("%d differences in all", len(differences))
		}
		t.Error(difference)
	}
	for _, word := range []Word{Verified, Refused, CannotTell, Consistent} {
		if counts[string(word)] == 0 {
			t.Errorf("no document is %s", word)
		}
	}
	without(t, &compare.Hashes, func(_, _ [32]byte) bool { return true })
	if differences, _ := holdToWasm(t, oracle, asked[:1_000]); len(differences) == 0 {
		t.Error("twin: a verifier that compares no hashes says the same")
	}
}

// without puts another comparison in the place of one, for the rest of the test.
func without[T any](t *testing.T, place *T, instead T) {
	held := *place
	*place = instead
	t.Cleanup(func() { *place = held })
}
