// Package strictjson reads JSON as RFC 8259 has it and no further, as a tree from which documents take the members that they
// name.
//
// Refused are: bytes that are not UTF-8, half a pair of surrogates, two members of one name wherever they stand, and lists and
// objects deeper than MaxDepth. Of a number only that it is one is kept: all numbers of our documents stand in texts.
package strictjson

import (
	"fmt"
	"unicode/utf8"

	"counterfoil.dev/go/internal/text"
)

// MaxDepth is how deep lists and objects may stand in each other.
const MaxDepth = 127

// Number stands for any number of JSON's own.
type Number struct{}

// Member is one member of an object.
type Member struct {
	Name  string
	Value any
}

// Error says why JSON is not what it should be, and where.
type Error struct {
	Problem string
	// Place is a path as entry.proof[3]; empty for the whole.
	Place string
}

// Parse reads one JSON text and nothing after it but white space: nil, a bool, a Number, a string, an []any or a []Member.
func Parse(json []byte) (any, *Error) {
	if !utf8.Valid(json) {
		return nil, &Error{Problem: "it is not UTF-8"}
	}
	p := parser{text: string(json)}
	value, err := p.value(MaxDepth)
	if err != nil {
		return nil, err
	}
	if p.skipSpace(); p.at < len(p.text) {
		return nil, p.syntax()
	}
	return value, nil
}

type parser struct {
	text string
	at   int
}

func (p *parser) syntax() *Error {
	if p.at >= len(p.text) {
		return &Error{Problem: "it ends too early"}
	}
	return &Error{Problem: fmt.Sprintf("it is not JSON, at byte %d", p.at)}
}

// take takes a byte if it is the next one.
func (p *parser) take(b byte) bool {
	isNext := p.at < len(p.text) && p.text[p.at] == b
	if isNext {
		p.at++
	}
	return isNext
}

func (p *parser) skipSpace() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) value(depth int) (any, *Error) {
	p.skipSpace()
	if p.at >= len(p.text) {
		return nil, p.syntax()
	}
	switch b := p.text[p.at]; {
	case b == '"':
		return p.string()
	case (b == '{' || b == '[') && depth == 0:
		return nil, &Error{Problem: "it is nested too deeply"}
	case b == '{':
		return p.object(depth - 1)
	case b == '[':
		return p.list(depth - 1)
	case b == '-' || isDigit(b):
		return p.number()
	case b == 't':
		return p.word("true", true)
	case b == 'f':
		return p.word("false", false)
	}
	return p.word("null", nil)
}

func (p *parser) word(word string, value any) (any, *Error) {
	for at := range word {
		if !p.take(word[at]) {
			return nil, p.syntax()
		}
	}
	return value, nil
}

func (p *parser) list(depth int) (any, *Error) {
	p.at++
	items := []any{}
	if p.skipSpace(); p.take(']') {
		return items, nil
	}
	for {
		item, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if p.skipSpace(); p.take(']') {
			return items, nil
		}
		if !p.take(',') {
			return nil, p.syntax()
		}
	}
}

func (p *parser) object(depth int) (any, *Error) {
	p.at++
	members := []Member{}
	if p.skipSpace(); p.take('}') {
		return members, nil
	}
	for {
		p.skipSpace()
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		if p.skipSpace(); !p.take(':') {
			return nil, p.syntax()
		}
		value, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		members = append(members, Member{name, value})
		if p.skipSpace(); p.take('}') {
			break
		}
		if !p.take(',') {
			return nil, p.syntax()
		}
	}
	if name, isRepeated := repeated(members); isRepeated {
		return nil, &Error{Problem: fmt.Sprintf("two members have the name `%s`", text.Plain(name))}
	}
	return members, nil
}

// repeated gives a name that two members have: one reader takes the first of them, another the last.
func repeated(members []Member) (string, bool) {
	if len(members) <= 16 {
		for at, member := range members {
			for _, other := range members[:at] {
				if member.Name == other.Name {
					return member.Name, true
				}
			}
		}
		return "", false
	}
	names := make(map[string]struct{}, len(members))
	for at, member := range members {
		if names[member.Name] = struct{}{}; len(names) == at {
			return member.Name, true
		}
	}
	return "", false
}

// number reads a number's form alone: how large it is does not matter.
func (p *parser) number() (any, *Error) {
	p.take('-')
	if !p.take('0') && !p.digits() {
		return nil, p.syntax()
	}
	if p.take('.') && !p.digits() {
		return nil, p.syntax()
	}
	if p.take('e') || p.take('E') {
		_ = p.take('+') || p.take('-')
		if !p.digits() {
			return nil, p.syntax()
		}
	}
	return Number{}, nil
}

// digits takes digits, and says whether there was one.
func (p *parser) digits() bool {
	begin := p.at
	for p.at < len(p.text) && isDigit(p.text[p.at]) {
		p.at++
	}
	return p.at > begin
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// string reads a text; it shares the document's memory where nothing in it is escaped.
func (p *parser) string() (string, *Error) {
	if !p.take('"') {
		return "", p.syntax()
	}
	var unescaped []byte
	for {
		begin := p.at
		for p.at < len(p.text) && p.text[p.at] >= 0x20 && p.text[p.at] != '"' && p.text[p.at] != '\\' {
			p.at++
		}
		run := p.text[begin:p.at]
		if p.take('"') {
			if unescaped == nil {
				return run, nil
			}
			return string(append(unescaped, run...)), nil
		}
		if !p.take('\\') {
			return "", p.syntax()
		}
		character, err := p.escaped()
		if err != nil {
			return "", err
		}
		unescaped = utf8.AppendRune(append(unescaped, run...), character)
	}
}

// escaped gives the character that an escape stands for.
func (p *parser) escaped() (rune, *Error) {
	if p.at >= len(p.text) {
		return 0, p.syntax()
	}
	escape := p.text[p.at]
	p.at++
	switch escape {
	case '"', '\\', '/':
		return rune(escape), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return p.codePoint()
	}
	p.at--
	return 0, p.syntax()
}

// codePoint reads four hexadecimal digits, or a pair of surrogates: another four after an escape of their own.
func (p *parser) codePoint() (rune, *Error) {
	unit, ok := p.unit()
	if ok && 0xd800 <= unit && unit < 0xdc00 {
		low, isLow := rune(0), p.take('\\') && p.take('u')
		if isLow {
			low, isLow = p.unit()
		}
		ok = isLow && 0xdc00 <= low && low < 0xe000
		unit = 0x10000 + (unit&0x3ff)<<10 | low&0x3ff
	}
	// A second surrogate without a first is no character.
	if !ok || !utf8.ValidRune(unit) {
		return 0, p.syntax()
	}
	return unit, nil
}

func (p *parser) unit() (rune, bool) {
	var unit rune
	for count := 0; count < 4; count++ {
		if p.at >= len(p.text) {
			return 0, false
		}
		switch b := p.text[p.at]; {
		case isDigit(b):
			unit = unit<<4 | rune(b-'0')
		case 'a' <= b|0x20 && b|0x20 <= 'f':
			unit = unit<<4 | rune(b|0x20-'a'+10)
		default:
			return 0, false
		}
		p.at++
	}
	return unit, true
}
