package verifier

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// truth is whether a document of the vectors holds together.
type truth int

const (
	holds truth = iota
	breaks
	untold
)

// sample is a document of the vectors.
type sample struct {
	name  string
	text  []byte
	truth truth
}

type object = map[string]any

func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	bytes, err := os.ReadFile("../../../docs/vectors/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(bytes, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func marshalled(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// altered gives a document with another value at a path of members, and of places in lists.
func altered(document any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if list, isList := document.([]any); isList {
		at, err := strconv.Atoi(path[0])
		if err != nil {
			panic(err)
		}
		copied := append([]any{}, list...)
		copied[at] = altered(copied[at], path[1:], value)
		return copied
	}
	copied := object{}
	for name, member := range document.(object) {
		copied[name] = member
	}
	copied[path[0]] = altered(copied[path[0]], path[1:], value)
	return copied
}

// flipped gives another hash.
func flipped(hash string) string {
	if hash[0] == '0' {
		return "1" + hash[1:]
	}
	return "0" + hash[1:]
}

// samples gives each document of the vectors.
func samples(t testing.TB) []sample {
	all := receipts(t)
	all = append(all, evidences(t)...)
	all = append(all, consistencies(t)...)
	for number, page := range pages(t) {
		name := fmt.Sprintf("page %d", number)
		all = append(all, sample{name, marshalled(page), holds})
		for what, other := range alteredPages(page) {
			all = append(all, sample{name + ", " + what, marshalled(other), breaks})
		}
	}
	return all
}

func receipts(t testing.TB) (all []sample) {
	var vectors struct {
		Receipts    []object
		Alterations []struct {
			Of      int
			Path    []string
			Value   any
			Refused *string
		}
		Unreadable []string
	}
	readVectors(t, "receipt", &vectors)
	for at, receipt := range vectors.Receipts {
		all = append(all, sample{fmt.Sprintf("receipt %d", at), marshalled(receipt), holds})
	}
	for at, alteration := range vectors.Alterations {
		truth := breaks
		if alteration.Refused == nil {
			truth = holds
		} else if *alteration.Refused == "statement" {
			truth = untold
		}
		text := marshalled(altered(vectors.Receipts[alteration.Of], alteration.Path, alteration.Value))
		name := fmt.Sprintf("receipt %d, alteration %d at %s", alteration.Of, at, strings.Join(alteration.Path, "."))
		all = append(all, sample{name, text, truth})
	}
	for at, text := range vectors.Unreadable {
		all = append(all, sample{fmt.Sprintf("unreadable %d", at), []byte(text), breaks})
	}
	return all
}

func evidences(t testing.TB) (all []sample) {
	var vectors struct {
		Evidence [][]string
		Headers  []struct {
			Of       int
			Path     []string
			Value    any
			Verified bool
		}
		Alterations []struct {
			Of, At, Removed int
			Lines           []string
			Verified        bool
		}
	}
	readVectors(t, "evidence", &vectors)
	joined := func(lines []string) []byte { return []byte(strings.Join(lines, "\n") + "\n") }
	truthOf := map[bool]truth{true: holds, false: breaks}
	for at, lines := range vectors.Evidence {
		all = append(all, sample{fmt.Sprintf("evidence %d", at), joined(lines), holds})
	}
	for at, alteration := range vectors.Headers {
		lines := vectors.Evidence[alteration.Of]
		var header object
		if err := json.Unmarshal([]byte(lines[0]), &header); err != nil {
			t.Fatal(err)
		}
		first := string(marshalled(altered(header, alteration.Path, alteration.Value)))
		name := fmt.Sprintf("evidence %d, header %d at %s", alteration.Of, at, strings.Join(alteration.Path, "."))
		all = append(all, sample{name, joined(append([]string{first}, lines[1:]...)), truthOf[alteration.Verified]})
	}
	for number, alteration := range vectors.Alterations {
		lines := vectors.Evidence[alteration.Of]
		truth := truthOf[alteration.Verified]
		// Without its last line a file was cut off, and the rest of it may be true. Without its first it is none.
		if !alteration.Verified && alteration.At > 0 && alteration.At+alteration.Removed == len(lines) && len(alteration.Lines) == 0 {
			truth = untold
		}
		instead := append(append(append([]string{}, lines[:alteration.At]...), alteration.Lines...),
			lines[alteration.At+alteration.Removed:]...)
		all = append(all, sample{fmt.Sprintf("evidence %d, alteration %d", alteration.Of, number), joined(instead), truth})
	}
	return all
}

type logVectors struct {
	Leaves []struct {
		Entry    string `json:"entry"`
		LeafHash string `json:"leaf_hash"`
	}
	Roots []struct{ Size, Root string }

	Consistency []struct {
		FirstSize  string `json:"first_size"`
		FirstRoot  string `json:"first_root"`
		SecondSize string `json:"second_size"`
		SecondRoot string `json:"second_root"`
		Proof      []string
		Fault      *string
	}
}

func consistencies(t testing.TB) (all []sample) {
	var vectors logVectors
	readVectors(t, "log", &vectors)
	for at, proof := range vectors.Consistency {
		truth := holds
		if proof.Fault != nil {
			truth = breaks
		}
		text := marshalled(object{
			"log": "entries", "first": object{"size": proof.FirstSize, "root": proof.FirstRoot},
			"second": object{"size": proof.SecondSize, "root": proof.SecondRoot}, "proof": proof.Proof,
		})
		all = append(all, sample{fmt.Sprintf("consistency %d", at), text, truth})
	}
	return all
}

// pages gives pages of all entries of the shared log, and of all events of the shared ledger, at each size.
func pages(t testing.TB) (all []object) {
	var log logVectors
	readVectors(t, "log", &log)
	var program struct {
		Program string
		Ledger  struct{ Address string }
		Steps   []struct {
			Event *struct {
				Leaf     string
				LeafHash string `json:"leaf_hash"`
			}
			Account struct {
				Fields struct {
					EventRoot string `json:"event_root"`
				}
			}
		}
	}
	readVectors(t, "program", &program)
	certificate := func(log, size, root string) object {
		return object{
			"format": "counterfoil certificate v1", "genesis_hash": program.Program, "program": program.Program,
			"ledger": program.Ledger.Address, "log": log, "from": "0", "to": size, "slot": "1",
			"head": object{"size": size, "root": root}, "proof": []any{},
		}
	}
	inBase64 := func(digits string) string {
		bytes, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(bytes)
	}
	for _, head := range log.Roots {
		size, _ := strconv.Atoi(head.Size)
		rows := []any{}
		for at := 0; at < size && log.Leaves[at].Entry != ""; at++ {
			leaf := log.Leaves[at]
			rows = append(rows, object{"index": strconv.Itoa(at), "payload": inBase64(leaf.Entry), "leaf_hash": leaf.LeafHash})
		}
		if size > 0 && len(rows) == size {
			all = append(all, object{"entries": rows, "certificate": certificate("entries", head.Size, head.Root)})
		}
	}
	rows := []any{}
	for _, step := range program.Steps {
		if step.Event == nil {
			continue
		}
		rows = append(rows, object{
			"seq": strconv.Itoa(len(rows)), "leaf": inBase64(step.Event.Leaf), "leaf_hash": step.Event.LeafHash,
		})
		of := certificate("events", strconv.Itoa(len(rows)), step.Account.Fields.EventRoot)
		all = append(all, object{"events": append([]any{}, rows...), "certificate": of})
	}
	return all
}

func alteredPages(page object) map[string]any {
	log, number, member := "entries", "index", "payload"
	if page["events"] != nil {
		log, number, member = "events", "seq", "leaf"
	}
	rows := page[log].([]any)
	other := map[string]any{}
	for _, at := range []int{0, len(rows) - 1} {
		withRow := func(what string, change func(row object)) {
			changed := append([]any{}, rows...)
			row := altered(rows[at], []string{number}, rows[at].(object)[number]).(object)
			change(row)
			changed[at] = row
			other[fmt.Sprintf("%s of row %d", what, at)] = altered(page, []string{log}, changed)
		}
		bytes, _ := base64.StdEncoding.DecodeString(rows[at].(object)[member].(string))
		bytes[0] ^= 1
		changed := base64.StdEncoding.EncodeToString(bytes)
		withRow("bytes", func(row object) { row[member] = changed; delete(row, "leaf_hash") })
		withRow("bytes under the old hash", func(row object) { row[member] = changed })
		withRow("number", func(row object) { row[number] = strconv.Itoa(at + 1) })
	}
	other["a row less"] = altered(page, []string{log}, rows[1:])
	other["a row more"] = altered(page, []string{log}, append(append([]any{}, rows...), rows[0]))
	root := page["certificate"].(object)["head"].(object)["root"].(string)
	for what, change := range map[string]struct {
		path  []string
		value any
	}{
		"another log":   {[]string{"log"}, map[string]string{"entries": "events", "events": "entries"}[log]},
		"another root":  {[]string{"head", "root"}, flipped(root)},
		"another size":  {[]string{"head", "size"}, strconv.Itoa(len(rows) + 1)},
		"a hash more":   {[]string{"proof"}, []any{root}},
		"a member more": {[]string{"note"}, ""},
	} {
		other[what] = altered(page, append([]string{"certificate"}, change.path...), change.value)
	}
	return other
}
