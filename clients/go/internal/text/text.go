// Package text reads and writes the texts of values: one text for each value, and every other refused.
package text

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// MaxPlain is the longest text that is shown, in characters.
const MaxPlain = 600

// Decimal reads a number of 64 bits.
func Decimal(text string) (uint64, bool) {
	number, err := strconv.ParseUint(text, 10, 64)
	return number, err == nil && strconv.FormatUint(number, 10) == text
}

// Signed reads a signed number of 64 bits.
func Signed(text string) (int64, bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil && strconv.FormatInt(number, 10) == text
}

// Hex32 reads 32 bytes in lowercase hexadecimal.
func Hex32(text string) (bytes [32]byte, ok bool) {
	if len(text) != 2*len(bytes) || strings.ContainsAny(text, "ABCDEF") {
		return bytes, false
	}
	_, err := hex.Decode(bytes[:], []byte(text))
	return bytes, err == nil
}

// Base64 reads base64 with padding, RFC 4648 section 4.
func Base64(text string) ([]byte, bool) {
	// The standard library skips ends of lines.
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	bytes, err := base64.StdEncoding.Strict().DecodeString(text)
	return bytes, err == nil
}

// Base58Key reads 32 bytes in base58.
func Base58Key(text string) (key [32]byte, ok bool) {
	ok = fromBase58(key[:], text)
	return key, ok
}

// Base58Signature reads 64 bytes in base58.
func Base58Signature(text string) (signature [64]byte, ok bool) {
	ok = fromBase58(signature[:], text)
	return signature, ok
}

const digits58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// fromBase58 fills the bytes, and says whether the text is theirs. Each leading 1 is one leading byte of zero.
func fromBase58(bytes []byte, text string) bool {
	// No 32 bytes have more than 44 digits, no 64 more than 88.
	if len(text) > len(bytes)*11/8 {
		return false
	}
	for at := 0; at < len(text); at++ {
		carry := strings.IndexByte(digits58, text[at])
		if carry < 0 {
			return false
		}
		for place := len(bytes) - 1; place >= 0; place-- {
			carry += 58 * int(bytes[place])
			bytes[place] = byte(carry)
			carry >>= 8
		}
		if carry > 0 {
			return false
		}
	}
	return Base58(bytes) == text
}

// Base58 writes bytes.
func Base58(bytes []byte) string {
	zeros := 0
	for zeros < len(bytes) && bytes[zeros] == 0 {
		zeros++
	}
	// Digits, the lowest first.
	var digits []byte
	for _, b := range bytes[zeros:] {
		carry := int(b)
		for at := range digits {
			carry += int(digits[at]) << 8
			digits[at] = byte(carry % 58)
			carry /= 58
		}
		for ; carry > 0; carry /= 58 {
			digits = append(digits, byte(carry%58))
		}
	}
	written := []byte(strings.Repeat("1", zeros))
	for at := len(digits) - 1; at >= 0; at-- {
		written = append(written, digits58[digits[at]])
	}
	return string(written)
}

// Plain gives a text of others as it may be shown: cut, with every character escaped that moves or hides others.
func Plain(text string) string {
	var plain strings.Builder
	count := 0
	for _, character := range text {
		if count == MaxPlain {
			plain.WriteRune('…')
			break
		}
		count++
		if isPlain(character) {
			plain.WriteRune(character)
		} else {
			fmt.Fprintf(&plain, `\u{%x}`, character)
		}
	}
	return plain.String()
}

// hiding has the characters that reorder, join, hide or tag their neighbours.
var hiding = [][2]rune{{0xad, 0xad}, {0x61c, 0x61c}, {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
	{0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}}

func isPlain(character rune) bool {
	for _, run := range hiding {
		if run[0] <= character && character <= run[1] {
			return false
		}
	}
	return !unicode.IsControl(character)
}
