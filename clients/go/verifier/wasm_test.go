package verifier

import (
	"bufio"
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
	command := exec.Command("node", "../../verifier/test/lines.mjs")
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
	for _, one := range crafted() {
		samples = append(samples, sample{"", one.text, map[bool]truth{true: holds, false: breaks}[one.where == ""]})
	}
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
