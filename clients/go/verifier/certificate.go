package verifier

import (
	"fmt"

	json "counterfoil.dev/go/internal/strictjson"
	"counterfoil.dev/go/merkle"
)

// run is some of a log's leaves, one after the other, with the proof that none is missing.
type run struct {
	from, to uint64
	head     merkle.Head
	proof    []merkle.Hash
}

// certificate is a certificate as it comes with a list; nothing in it is verified yet.
type certificate struct {
	format string
	of     origin
	log    Log
	run
}

// row is the members of a row that a certificate covers. Of the bytes their hash alone is kept.
type row struct {
	number uint64
	length int
	hash   merkle.Hash
	said   *merkle.Hash
}

func readCertificate(value any) (certificate, *json.Error) {
	document := json.Open(value)
	read := certificate{format: json.Read(document, "format", json.Text), of: readOrigin(document)}
	read.log = json.Read(document, "log", readLog)
	read.from, read.to = json.Read(document, "from", json.Uint64), json.Read(document, "to", json.Uint64)
	read.head = json.Read(document, "head", readHead)
	json.Read(document, "slot", json.Uint64)
	read.proof = json.Read(document, "proof", readProof)
	return read, document.Close()
}

// rowsReader reads a list of rows, nil for null, by the names of a row's number and bytes.
func rowsReader(number, bytes string) func(any) (*[]row, *json.Error) {
	readRow := func(value any) (row, *json.Error) {
		document := json.Open(value)
		leaf := json.Read(document, bytes, json.Bytes)
		read := row{length: len(leaf), hash: merkle.HashLeaf(leaf)}
		if said, isThere := json.Optional(document, "leaf_hash", readHash); isThere {
			read.said = &said
		}
		read.number = json.Read(document, number, json.Uint64)
		return read, document.Err()
	}
	return func(value any) (*[]row, *json.Error) {
		if value == nil {
			return nil, nil
		}
		rows, err := json.List(readRow)(value)
		return &rows, err
	}
}

// verifyCertificate verifies that a page is all leaves of its range.
func verifyCertificate(value any, pin Pin, compared *[]Comparison) (*claim, *fault) {
	page := json.Open(value)
	certificate := json.Read(page, "certificate", readCertificate)
	entries, _ := json.Optional(page, "entries", rowsReader("index", "payload"))
	events, _ := json.Optional(page, "events", rowsReader("seq", "leaf"))
	if err := page.Err(); err != nil {
		return nil, unreadable("it is not a page with a certificate", err)
	}
	if fault := pin.expect(certificate.of, compared); fault != nil {
		return nil, fault
	}
	rows, other := entries, events
	if certificate.log == Events {
		rows, other = events, entries
	}
	if rows == nil || other != nil {
		return nil, refused("certificate.log", "the list is not of the log that the certificate names")
	}
	if fault := certificate.prove(*rows); fault != nil {
		return nil, fault
	}
	return &claim{
		of: &certificate.of,
		what: fmt.Sprintf("%s %d up to %d of ledger %s, all of them", certificate.log, certificate.from, certificate.to,
			certificate.of.ledger),
		heads:      []claimedHead{{LogHead{certificate.log, certificate.head}, "certificate.head", showsLeaves}},
		compared:   []Comparison{rootCompared("root that the list and the certificate lead to", certificate.head)},
		facts:      Facts{Log: certificate.log, From: &certificate.from, To: &certificate.to},
		notChecked: []string{"members of the rows besides number, bytes and leaf hash; the certificate's slot"},
	}, nil
}

// prove verifies that rows are all leaves of the certificate's range. Source: docs/protocol.md, section 7.
func (c *certificate) prove(rows []row) *fault {
	if fault := c.expectRows(rows); fault != nil {
		return fault
	}
	if c.format != certificateFormat {
		return refused("certificate.format", fmt.Sprintf("the format is not \"%s\"", certificateFormat))
	}
	if c.head.Size > merkle.MaxSize || c.from >= merkle.MaxSize {
		return refused("certificate.from or certificate.head", "a number is beyond the largest tree")
	}
	if c.to > c.head.Size || c.to <= c.from {
		if c.to <= c.head.Size && len(rows) > 0 {
			return c.otherCount(rows, 0)
		}
		return refused("certificate.proof and the list", fmt.Sprintf("there are no leaves from %d up to %d", c.from, c.to))
	}
	if expected := c.to - c.from; uint64(len(rows)) != expected {
		return c.otherCount(rows, expected)
	}
	if err := c.proveRows(rows); err != nil {
		return refused("certificate.proof and the list", "the list is not the log's: "+err.Error())
	}
	return nil
}

func (c *certificate) proveRows(rows []row) error {
	leaves, err := merkle.NewRun(c.head, c.from, c.proof)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := leaves.Push(row.hash); err != nil {
			return err
		}
	}
	return leaves.Finish()
}

func (c *certificate) otherCount(rows []row, expected uint64) *fault {
	return refused(string(c.log), fmt.Sprintf("the list has %d leaves, the certificate %d", len(rows), expected))
}

// expectRows compares what rows say of themselves. Their numbers and hashes are shown to readers, so they must be the proven ones.
func (c *certificate) expectRows(rows []row) *fault {
	for at, row := range rows {
		if c.log == Entries && (row.length < 1 || row.length > maxEntryBytes) {
			return refused(fmt.Sprintf("entries[%d].payload", at),
				fmt.Sprintf("the entry has %d bytes, not 1 to %d", row.length, maxEntryBytes))
		}
	}
	for at, row := range rows {
		// A sum beyond 64 bits is no row's number: the certificate has no such range.
		if expected := c.from + uint64(at); row.number != expected {
			return refused(fmt.Sprintf("%s[%d]", c.log, at),
				fmt.Sprintf("the row says number %d, it stands at %d", row.number, expected))
		}
		if row.said != nil && *row.said != row.hash {
			return refused(fmt.Sprintf("%s[%d].leaf_hash", c.log, at), "the row's leaf hash is not that of its bytes")
		}
	}
	return nil
}
