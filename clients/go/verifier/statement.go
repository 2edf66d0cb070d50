package verifier

import (
	"bytes"
	"math"
	"strings"

	"counterfoil.dev/go/merkle"
)

// statementTag begins each statement: the CBOR tag 0x43665331.
var statementTag = []byte{0xda, 0x43, 0x66, 0x53, 0x31}

// statement is what a promise is compared with of an author's word on a record.
type statement struct {
	of         origin
	recordID   [16]byte
	commitment merkle.Hash
}

// decodeStatement reads an entry, and says whether it is a statement: the one encoding of one. A signature in it is not verified.
// Source: docs/protocol.md, section 9; RFC 8949, section 4.2.1.
func decodeStatement(entry []byte) (*statement, bool) {
	if !bytes.HasPrefix(entry, statementTag) {
		return nil, false
	}
	c := cbor{rest: entry[len(statementTag):]}
	parts := c.head(array)
	encoded := c.text(byteString)
	switch parts {
	case 1:
	case 2:
		c.expect(c.head(array) == 2)
		c.fixed(32)
		c.fixed(64)
	default:
		c.isBad = true
	}
	c.expect(len(c.rest) == 0)
	if c.isBad {
		return nil, false
	}
	return decodeMap(encoded)
}

// decodeMap reads a statement's map. Its keys ascend, so that none stands there twice.
func decodeMap(encoded []byte) (*statement, bool) {
	c := cbor{rest: encoded}
	var read statement
	var sequence uint64
	var seen [12]bool
	last := uint64(0)
	for members := c.head(mapping); members > 0 && !c.isBad; members-- {
		key := c.head(unsigned)
		if c.expect(last < key && key < uint64(len(seen))); c.isBad {
			break
		}
		seen[key], last = true, key
		switch key {
		case 1:
			copy(read.of.genesisHash[:], c.fixed(32))
		case 2:
			copy(read.of.program[:], c.fixed(32))
		case 3:
			copy(read.of.ledger[:], c.fixed(32))
		case 4:
			copy(read.recordID[:], c.fixed(16))
			c.expect(isRecordID(read.recordID))
		case 5:
			copy(read.commitment[:], c.fixed(32))
		case 6:
			c.expect(isContentType(string(c.text(textString))))
		case 7:
			c.expect(c.head(unsigned) <= math.MaxInt64)
		case 8, 9, 11:
			c.fixed(32)
		case 10:
			sequence = c.head(unsigned)
		}
	}
	for _, key := range []int{1, 2, 3, 4, 5, 6, 7, 8, 10} {
		c.expect(seen[key])
	}
	// The statement before it is absent exactly when it is the first.
	c.expect(seen[11] == (sequence != 0))
	c.expect(len(c.rest) == 0)
	return &read, !c.isBad
}

// isRecordID says whether 16 bytes are a UUID of version 7, with its version and variant.
func isRecordID(id [16]byte) bool { return id[6]>>4 == 7 && id[8]>>6 == 2 }

// isContentType says whether a text is a media type of 1 to 127 bytes: token "/" token *( *SP ";" *SP token "=" ( token / quoted ) ).
func isContentType(text string) bool {
	if len(text) > 127 {
		return false
	}
	rest, ok := afterToken(text)
	if ok = ok && strings.HasPrefix(rest, "/"); ok {
		rest, ok = afterToken(rest[1:])
	}
	for ok && rest != "" {
		rest, ok = afterParameter(rest)
	}
	return ok
}

func afterParameter(text string) (string, bool) {
	rest := strings.TrimLeft(text, " ")
	if !strings.HasPrefix(rest, ";") {
		return "", false
	}
	rest, ok := afterToken(strings.TrimLeft(rest[1:], " "))
	if !ok || !strings.HasPrefix(rest, "=") {
		return "", false
	}
	if rest = rest[1:]; strings.HasPrefix(rest, `"`) {
		return afterQuoted(rest[1:])
	}
	return afterToken(rest)
}

func afterToken(text string) (string, bool) {
	at := 0
	for at < len(text) && isToken(text[at]) {
		at++
	}
	return text[at:], at > 0
}

func isToken(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z' || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}

// afterQuoted ends after the quote that ends a quoted text.
func afterQuoted(text string) (string, bool) {
	for at := 0; at < len(text); at++ {
		switch b := text[at]; {
		case b < ' ' || b > '~':
			return "", false
		case b == '"':
			return text[at+1:], true
		case b == '\\':
			if at++; at == len(text) || text[at] < ' ' || text[at] > '~' {
				return "", false
			}
		}
	}
	return "", false
}

// The major types of CBOR that a statement has.
const (
	unsigned   = 0
	byteString = 2
	textString = 3
	array      = 4
	mapping    = 5
)

// cbor reads CBOR in its deterministic encoding. The first fault stays, and every read after it gives zero.
type cbor struct {
	rest  []byte
	isBad bool
}

func (c *cbor) expect(holds bool) { c.isBad = c.isBad || !holds }

// head reads the head of an item of a major type, in its shortest form, and gives its number.
func (c *cbor) head(major byte) uint64 {
	if c.expect(len(c.rest) > 0 && c.rest[0]>>5 == major); c.isBad {
		return 0
	}
	short := c.rest[0] & 0x1f
	c.rest = c.rest[1:]
	if short < 24 {
		return uint64(short)
	}
	width := 1 << (short - 24)
	// Of an indefinite length, and of no meaning.
	if c.expect(width <= 8 && width <= len(c.rest)); c.isBad {
		return 0
	}
	number := uint64(0)
	for _, b := range c.rest[:width] {
		number = number<<8 | uint64(b)
	}
	c.rest = c.rest[width:]
	least := uint64(24)
	if width > 1 {
		least = 1 << (4 * width)
	}
	c.expect(number >= least)
	return number
}

// text reads a byte or a text string.
func (c *cbor) text(major byte) []byte {
	length := c.head(major)
	if c.expect(length <= uint64(len(c.rest))); c.isBad {
		return nil
	}
	text := c.rest[:length]
	c.rest = c.rest[length:]
	return text
}

// fixed reads a byte string of one length.
func (c *cbor) fixed(length int) []byte {
	bytes := c.text(byteString)
	c.expect(len(bytes) == length)
	return bytes
}
