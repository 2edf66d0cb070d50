package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"counterfoil.dev/go/verifier"
)

func vectors(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../../../docs/vectors/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func written(t *testing.T, name string, value any) string {
	t.Helper()
	text, isText := value.([]byte)
	if !isText {
		var err error
		if text, err = json.Marshal(value); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheExitCodeStandsForTheVerdict(t *testing.T) {
	var receipts struct{ Receipts []map[string]any }
	vectors(t, "receipt", &receipts)
	receipt, err := json.Marshal(receipts.Receipts[6])
	if err != nil {
		t.Fatal(err)
	}
	document := written(t, "receipt.json", receipts.Receipts[6])
	pin := written(t, "pin.json", verifier.Verify(receipt, verifier.Pin{}).Claims)
	other := written(t, "other.json", map[string]any{"ledger": strings.Repeat("1", 32)})
	noPin := written(t, "none.json", map[string]any{"note": 1})
	first := map[string]any{"size": "0", "root": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
	consistency := written(t, "consistency.json", map[string]any{"log": "entries", "first": first, "proof": []string{},
		"second": map[string]any{"size": "1", "root": strings.Repeat("0", 64)}})
	head := map[string]any{"log": "entries", "size": first["size"], "root": first["root"]}
	empty := written(t, "empty.json", map[string]any{"heads": []any{head}})
	for _, one := range []struct {
		args []string
		code int
		word string
	}{
		{[]string{"--pin", pin, document}, 0, "verified"}, {[]string{"--kind", "receipt", "--pin", pin, "--input", document}, 0, "verified"},
		{[]string{"--pin", other, document}, 1, "refused"}, {[]string{"--kind", "evidence", "--pin", pin, document}, 1, "refused"},
		{[]string{document}, 2, "cannot_tell"}, {[]string{"-"}, 2, "cannot_tell"}, {nil, 2, "cannot_tell"},
		{[]string{"--pin", pin, "--input", "-"}, 0, "verified"}, {[]string{"/nowhere"}, 2, "cannot_tell"},
		{[]string{"--pin", empty, consistency}, 3, "consistent"}, {[]string{"--kind", "promise", document}, 1, "refused"},
		{[]string{"--kind", "other", document}, 64, ""}, {[]string{"--pin", noPin, document}, 64, ""}, {[]string{"--pin", "/nowhere"}, 64, ""},
		{[]string{document, document}, 64, ""}, {[]string{"--input", document, document}, 64, ""}, {[]string{"--other"}, 64, ""},
		{[]string{"--time", "1", document}, 64, ""}, {[]string{"--kind", "promise", "--time", "x"}, 64, ""},
		{[]string{"--kind", "promise", "--promise-key", "x"}, 64, ""},
	} {
		var stdout, stderr bytes.Buffer
		code := run(one.args, bytes.NewReader(receipt), &stdout, &stderr)
		var verdict struct{ Verdict string }
		if one.word != "" {
			if err := json.Unmarshal(stdout.Bytes(), &verdict); err != nil {
				t.Errorf("%v: %v", one.args, err)
			}
		}
		if code != one.code || verdict.Verdict != one.word || strings.Count(stdout.String(), "\n") > 1 || (code == 64) != (stderr.Len() > 0) {
			t.Errorf("%v: %d, %s, %s", one.args, code, stdout.String(), stderr.String())
		}
	}
	var stdout bytes.Buffer
	if run([]string{"--text", "--pin", pin, document}, nil, &stdout, os.Stderr); !strings.HasPrefix(stdout.String(), "VERIFIED: entry 9 ") {
		t.Error(stdout.String())
	}
}

func TestAPromiseIsJudged(t *testing.T) {
	var promises struct {
		Pinned   string
		Verdicts []struct {
			Name     string
			Promise  map[string]any
			Evidence []map[string]any
		}
	}
	vectors(t, "promise", &promises)
	for _, one := range promises.Verdicts {
		want, isWanted := map[string]int{"evidence with it": 0, "evidence without it": 1, "evidence so far": 2}[one.Name]
		if !isWanted {
			continue
		}
		var lines bytes.Buffer
		for _, line := range one.Evidence {
			text, err := json.Marshal(line)
			if err != nil {
				t.Fatal(err)
			}
			lines.Write(append(text, '\n'))
		}
		promise, proof := written(t, "promise.json", one.Promise), written(t, "evidence.jsonl", lines.Bytes())
		pin := written(t, "pin.json", verifier.Verify(lines.Bytes(), verifier.Pin{}).Claims)
		args := []string{"--kind", "promise", "--promise-key", promises.Pinned, "--proof", proof, "--pin", pin, "--time", "1790000550", promise}
		var stdout, stderr bytes.Buffer
		if code := run(args, nil, &stdout, &stderr); code != want {
			t.Errorf("%s: %d, %s%s", one.Name, code, stdout.String(), stderr.String())
		}
		if code := run(append(args[:2:2], args[4:]...), nil, &stdout, &stderr); want < 2 && code != 3 {
			t.Errorf("%s, without a key: %d", one.Name, code)
		}
	}
}
