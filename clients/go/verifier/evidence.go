package verifier

import (
	"fmt"

	json "counterfoil.dev/go/internal/strictjson"
	"counterfoil.dev/go/merkle"
)

// maxLineBytes is the longest line of evidence, in bytes.
const maxLineBytes = 1 << 20

const lastLine = "the last line"

// evidenceHeader is the first line of evidence.
type evidenceHeader struct {
	format          string
	of              origin
	entries, events run
	hasContent      bool
	// bridge is how a later head contains the entries.
	bridge *growth
}

type growth struct {
	head        merkle.Head
	consistency []merkle.Hash
}

// line is any other line: one of its members.
type line struct {
	event *numbered
	entry *numbered
	leaf  *numbered
	end   *[2]uint64
}

// numbered is an event with its bytes, an entry with its bytes, or an entry with its leaf hash.
type numbered struct {
	number uint64
	bytes  []byte
	hash   merkle.Hash
}

// evidence is evidence that is being read.
type evidence struct {
	header          *evidenceHeader
	entries, events *merkle.Run
	// next is the next entry's index, seq the next event's number. The entries that the last append covers end at covered.
	next, seq, covered uint64
	last               *eventLeaf
	watcher            watcher
}

func readEvidenceHeader(value any) (evidenceHeader, *json.Error) {
	document := json.Open(value)
	read := evidenceHeader{format: json.Read(document, "format", json.Text), of: readOrigin(document)}
	read.entries, read.events = json.Read(document, "entries", readRun), json.Read(document, "events", readRun)
	read.hasContent = json.Read(document, "content", json.Bool)
	json.Optional(document, "transaction", json.Signature)
	if bridge, isThere := json.Optional(document, "bridge", readGrowth); isThere {
		read.bridge = &bridge
	}
	return read, document.Close()
}

func readRun(value any) (run, *json.Error) {
	document := json.Open(value)
	read := run{from: json.Read(document, "from", json.Uint64), to: json.Read(document, "to", json.Uint64)}
	read.head, read.proof = json.Read(document, "head", readHead), json.Read(document, "proof", readProof)
	return read, document.Close()
}

func readGrowth(value any) (growth, *json.Error) {
	document := json.Open(value)
	read := growth{json.Read(document, "head", readHead), json.Read(document, "consistency", readProof)}
	return read, document.Close()
}

// readLine reads an object of one member, whose name says what the line is.
func readLine(value any) (line, *json.Error) {
	document := json.Open(value)
	var read line
	count := 0
	take := func(name, number, bytes string) *numbered {
		content, isThere := json.Optional(document, name, func(value any) (numbered, *json.Error) {
			object := json.Open(value)
			content := numbered{number: json.Read(object, number, json.Uint64)}
			if bytes == "hash" {
				content.hash = json.Read(object, bytes, readHash)
			} else {
				content.bytes = json.Read(object, bytes, json.Bytes)
			}
			return content, object.Close()
		})
		if !isThere {
			return nil
		}
		count++
		return &content
	}
	read.event, read.entry, read.leaf = take("event", "seq", "leaf"), take("entry", "index", "payload"), take("leaf", "index", "hash")
	if end, isThere := json.Optional(document, "end", readEnd); isThere {
		count++
		read.end = &end
	}
	if count != 1 {
		document.Fail(json.Problem("a line has one member: `event`, `entry`, `leaf` or `end`"))
	}
	return read, document.Close()
}

func readEnd(value any) ([2]uint64, *json.Error) {
	end := json.Open(value)
	counts := [2]uint64{json.Read(end, "entries", json.Uint64), json.Read(end, "events", json.Uint64)}
	return counts, end.Close()
}

// readText reads one line.
func readText[T any](text []byte, number uint64, read func(any) (T, *json.Error)) (T, *fault) {
	var none T
	place := fmt.Sprintf("line %d", number)
	if len(text) > maxLineBytes {
		return none, refused(place, fmt.Sprintf("a line has at most %d bytes", maxLineBytes))
	}
	value, err := json.Parse(text)
	if err == nil {
		var result T
		if result, err = read(value); err == nil {
			return result, nil
		}
	}
	fault := unreadable("it is no line of evidence", err)
	if fault.place != "" {
		place += ", " + fault.place
	}
	fault.place = place
	return none, fault
}

// verifyEvidence verifies that evidence holds together.
func verifyEvidence(document []byte, pin Pin, compared *[]Comparison, watcher watcher) (*claim, *fault) {
	first := firstLine(document)
	header, fault := readText(first, 1, readEvidenceHeader)
	if fault != nil {
		return nil, fault
	}
	if fault := pin.expect(header.of, compared); fault != nil {
		return nil, fault
	}
	reading, fault := beginEvidence(&header)
	if fault != nil {
		return nil, fault
	}
	if reading.watcher = watcher; watcher != nil {
		watcher.begin(header.of, &header)
	}
	rest, number, isLast := document[len(first):], uint64(1), false
	for !isLast {
		if len(rest) == 0 {
			return nil, cannotTell("", "it was cut off: it has no last line. Fetch it again")
		}
		text := firstLine(rest)
		rest = rest[len(text):]
		number++
		line, fault := readText(text, number, readLine)
		if fault != nil {
			return nil, fault
		}
		var problem string
		if isLast, problem = reading.push(&line); problem != "" {
			return nil, refused(fmt.Sprintf("line %d", number), "it does not hold together with the lines before it: "+problem)
		}
	}
	if len(rest) > 0 {
		return nil, refused(fmt.Sprintf("line %d", number+1), "it goes on after its last line")
	}
	if fault := reading.finish(); fault != nil {
		return nil, fault
	}
	return reading.claim(), nil
}

// beginEvidence begins after the first line.
func beginEvidence(header *evidenceHeader) (*evidence, *fault) {
	reading := &evidence{header: header, next: header.entries.from, seq: header.events.from, covered: header.entries.from}
	if header.format != evidenceFormat {
		return nil, loose("format", fmt.Sprintf("the format is not \"%s\"", evidenceFormat))
	}
	numbers := []uint64{header.entries.head.Size, header.events.head.Size}
	if bridge := header.bridge; bridge != nil {
		numbers = append(numbers, bridge.head.Size)
	}
	for _, number := range numbers {
		if number > merkle.MaxSize {
			return nil, loose("entries or events", outOfRange(number))
		}
	}
	if bridge := header.bridge; bridge != nil {
		if err := merkle.VerifyConsistency(header.entries.head, bridge.head, bridge.consistency); err != nil {
			return nil, loose("bridge", "the bridge's head does not extend the entries' one: "+err.Error())
		}
	}
	for _, log := range []struct {
		place string
		run   *run
		begun **merkle.Run
	}{{"entries", &header.entries, &reading.entries}, {"events", &header.events, &reading.events}} {
		if log.run.from >= merkle.MaxSize {
			return nil, loose("entries or events", outOfRange(log.run.from))
		}
		begun, err := merkle.NewRun(log.run.head, log.run.from, log.run.proof)
		if err != nil {
			return nil, loose(log.place, err.Error())
		}
		*log.begun = begun
	}
	return reading, nil
}

// push takes the next line. It says whether that was the last one, or which problem it has.
func (e *evidence) push(line *line) (isLast bool, problem string) {
	switch hasContent := e.header.hasContent; {
	case line.event != nil:
		return false, e.pushEvent(line.event)
	case line.end != nil:
		return true, e.expectEnd(*line.end)
	case line.entry != nil && !hasContent:
		return false, "an entry by its leaf hash belongs here"
	case line.leaf != nil && hasContent:
		return false, "an entry with its bytes belongs here"
	case line.leaf != nil:
		return false, e.pushLeaf(line.leaf.number, line.leaf.hash)
	}
	index, payload := line.entry.number, line.entry.bytes
	if len(payload) < 1 || len(payload) > maxEntryBytes {
		return false, fmt.Sprintf("entry %d does not have 1 to %d bytes", index, maxEntryBytes)
	}
	if problem := e.pushLeaf(index, merkle.HashLeaf(payload)); problem != "" {
		return false, problem
	}
	if e.watcher != nil {
		e.watcher.entry(e.last, index, payload)
	}
	return false, ""
}

func (e *evidence) expectEnd(counts [2]uint64) string {
	entries, events := &e.header.entries, &e.header.events
	if e.next != entries.to || e.seq != events.to {
		return e.belongs()
	}
	// Neither difference is below zero: reading began at the first number and only went on.
	if counts != [2]uint64{entries.to - entries.from, events.to - events.from} {
		return "the last line says another count of lines"
	}
	return ""
}

// belongs says which line would be the next.
func (e *evidence) belongs() string {
	switch {
	case e.next < e.covered:
		return "an entry that the event before it appended belongs here"
	case e.seq < e.header.events.to:
		return "the next event belongs here"
	}
	return "the end belongs here"
}

func (e *evidence) pushLeaf(index uint64, leaf merkle.Hash) string {
	if index != e.next || index >= e.covered {
		return e.belongs()
	}
	e.next++
	if err := e.entries.Push(leaf); err != nil {
		return err.Error()
	}
	return ""
}

func (e *evidence) pushEvent(line *numbered) string {
	event, problem := decodeEvent(line.bytes)
	if problem != "" {
		return problem
	}
	if event.ledger != e.header.of.ledger {
		return fmt.Sprintf("an event is ledger %s's", event.ledger)
	}
	isNext := line.number == e.seq && event.event.Seq == e.seq && e.seq < e.header.events.to
	if !isNext || e.next < e.covered {
		return e.belongs()
	}
	// The first event appends the first entry; each event after it begins where the one before ended.
	follows := event.isAppend && event.first <= e.next && e.next < event.stated.Size
	if e.last != nil {
		follows = event.first == e.last.stated.Size
	}
	if !follows {
		return "the event that appended the next entry belongs here"
	}
	if event.isAppend {
		e.covered = event.stated.Size
		if e.covered > e.header.entries.to {
			e.covered = e.header.entries.to
		}
	}
	e.seq++
	if err := e.events.Push(event.leafHash); err != nil {
		return err.Error()
	}
	e.last = event
	if e.watcher != nil {
		e.watcher.event(event)
	}
	return ""
}

// finish ends after the last line.
func (e *evidence) finish() *fault {
	if err := e.entries.Finish(); err != nil {
		return loose("entries", "the entries are not all of their range: "+err.Error())
	}
	if err := e.events.Finish(); err != nil {
		return loose("events", "the events are not all of theirs: "+err.Error())
	}
	// An append after it may state a head of the entries, too, and says nothing of them.
	if e.last == nil || !e.last.isAppend || e.last.first >= e.header.entries.to {
		return loose(lastLine, "the event that appended the last entry, as the last, belongs here")
	}
	if e.last.stated != e.header.entries.head {
		return loose("entries", "the last event does not state the entries' head")
	}
	return nil
}

// claim is what evidence claims that holds together.
func (e *evidence) claim() *claim {
	header := e.header
	entries, events := &header.entries, &header.events
	claim := &claim{of: &header.of, event: &e.last.event}
	how := "by their hashes"
	if header.hasContent {
		how = "with their bytes"
	}
	claim.what = fmt.Sprintf("entries %d up to %d of ledger %s, all of them, %s", entries.from, entries.to, header.of.ledger, how)
	claim.facts = Facts{Log: Entries, From: &entries.from, To: &entries.to}
	claim.compared = []Comparison{
		rootCompared("root that the entries and their proof lead to", entries.head),
		rootCompared("root that the events and their proof lead to", events.head),
	}
	claim.heads = []claimedHead{{LogHead{Entries, entries.head}, "entries.head", showsLeaves}}
	if header.bridge != nil {
		claim.heads = append(claim.heads, claimedHead{LogHead{Entries, header.bridge.head}, "bridge.head", showsLeaves})
	}
	claim.heads = append(claim.heads, claimedHead{LogHead{Events, events.head}, "events.head", showsBoth})
	if before := events.to - events.from - 1; before > 0 {
		claim.notChecked = []string{fmt.Sprintf("%d events before the last are in the file, and not shown here", before)}
	}
	return claim
}

func loose(place, why string) *fault {
	return refused(place, "the evidence does not hold together: "+why)
}
