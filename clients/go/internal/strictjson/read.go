package strictjson

import (
	"fmt"
	"strconv"
	"strings"

	"counterfoil.dev/go/internal/text"
)

// Error gives the problem, after its place.
func (e *Error) Error() string {
	if e.Place == "" {
		return e.Problem
	}
	return e.Place + ": " + e.Problem
}

// Problem is an Error of a whole value.
func Problem(format string, values ...any) *Error {
	return &Error{Problem: fmt.Sprintf(format, values...)}
}

// within gives the same Error, within a member or an item.
func (e *Error) within(name string) *Error {
	dot := "."
	if e.Place == "" || strings.HasPrefix(e.Place, "[") {
		dot = ""
	}
	return &Error{e.Problem, name + dot + e.Place}
}

// Object is an object while its members are read, each by its name. The first fault ends the reading: after it every read gives
// nothing.
type Object struct {
	members []Member
	known   []bool
	err     *Error
}

// Open begins to read an object.
func Open(value any) *Object {
	members, ok := value.([]Member)
	if !ok {
		return &Object{err: isNot(value, "an object")}
	}
	return &Object{members: members, known: make([]bool, len(members))}
}

// Err gives the first fault, if any; the object may have other members, too.
func (o *Object) Err() *Error { return o.err }

// Close gives the first fault, if any; a member that was not read is one.
func (o *Object) Close() *Error {
	for at, member := range o.members {
		if o.err == nil && !o.known[at] {
			o.err = Problem("the member `%s` is none that it may have", text.Plain(member.Name))
		}
	}
	return o.err
}

// Fail ends the reading with a fault that is found elsewhere.
func (o *Object) Fail(err *Error) {
	if o.err == nil {
		o.err = err
	}
}

func (o *Object) find(name string) (any, bool) {
	for at, member := range o.members {
		if o.err == nil && member.Name == name {
			o.known[at] = true
			return member.Value, true
		}
	}
	return nil, false
}

// IsPresent says whether a member is there, whatever it says but null, which is a fault.
func (o *Object) IsPresent(name string) bool {
	value, ok := o.find(name)
	if ok && value == nil {
		o.err = Problem("null is no member: leave it out").within(name)
	}
	return ok && value != nil
}

// Read reads a member.
func Read[T any](o *Object, name string, read func(any) (T, *Error)) T {
	value, isThere := Optional(o, name, read)
	if !isThere {
		o.Fail(Problem("it has no member `%s`", name))
	}
	return value
}

// Optional reads a member that may be absent, and says whether it is there. Null is read as any value: it would be a second
// text of the absent member.
func Optional[T any](o *Object, name string, read func(any) (T, *Error)) (T, bool) {
	var none T
	value, ok := o.find(name)
	if !ok {
		return none, false
	}
	result, err := read(value)
	if err != nil {
		o.err = err.within(name)
		return none, false
	}
	return result, true
}

// List makes a reader of lists from one of their items.
func List[T any](read func(any) (T, *Error)) func(any) ([]T, *Error) {
	return func(value any) ([]T, *Error) {
		items, ok := value.([]any)
		if !ok {
			return nil, isNot(value, "a list")
		}
		list := make([]T, len(items))
		for at, item := range items {
			var err *Error
			if list[at], err = read(item); err != nil {
				return nil, err.within("[" + strconv.Itoa(at) + "]")
			}
		}
		return list, nil
	}
}

// Text reads a text.
func Text(value any) (string, *Error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	return "", isNot(value, "a text")
}

// Bool reads a bool.
func Bool(value any) (bool, *Error) {
	if value, ok := value.(bool); ok {
		return value, nil
	}
	return false, isNot(value, "a bool")
}

// Bytes reads base64 with padding.
func Bytes(value any) ([]byte, *Error) { return by(text.Base64, "not base64 with padding")(value) }

// Uint64 reads a number of 64 bits.
func Uint64(value any) (uint64, *Error) {
	return by(text.Decimal, "not a number of 64 bits in its usual form")(value)
}

// Int64 reads a signed number of 64 bits.
func Int64(value any) (int64, *Error) {
	return by(text.Signed, "not a signed number of 64 bits in its usual form")(value)
}

// Hash reads 32 bytes in lowercase hexadecimal.
func Hash(value any) ([32]byte, *Error) {
	return by(text.Hex32, "a hash is 64 lowercase hexadecimal digits")(value)
}

// Key reads 32 bytes in base58.
func Key(value any) ([32]byte, *Error) {
	return by(text.Base58Key, "a key is 32 bytes in base58, in its usual form")(value)
}

// Signature reads 64 bytes in base58.
func Signature(value any) ([64]byte, *Error) {
	return by(text.Base58Signature, "a signature is 64 bytes in base58, in its usual form")(value)
}

// by makes a reader from one of texts.
func by[T any](parse func(string) (T, bool), problem string) func(any) (T, *Error) {
	return func(value any) (T, *Error) {
		var none T
		text, err := Text(value)
		if err != nil {
			return none, err
		}
		result, ok := parse(text)
		if !ok {
			return none, Problem("%s", problem)
		}
		return result, nil
	}
}

func isNot(value any, expected string) *Error {
	found := "an object"
	switch value.(type) {
	case nil:
		found = "null"
	case bool:
		found = "a bool"
	case Number:
		found = "a number"
	case string:
		found = "a text"
	case []any:
		found = "a list"
	}
	return Problem("%s stands in place of %s", found, expected)
}
