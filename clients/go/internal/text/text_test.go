package text

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"math/rand"
	"strings"
	"testing"
)

func TestEachValueHasOneText(t *testing.T) {
	for text, want := range map[string]bool{"0": true, "7": true, "18446744073709551615": true, "": false, "00": false, "01": false,
		"+1": false, "-1": false, " 1": false, "1_0": false, "18446744073709551616": false, "1.0": false, "٣": false} {
		if _, ok := Decimal(text); ok != want {
			t.Errorf("%q", text)
		}
	}
	for text, want := range map[string]bool{"0": true, "-1": true, "-9223372036854775808": true, "-0": false, "+1": false,
		"9223372036854775808": false} {
		if _, ok := Signed(text); ok != want {
			t.Errorf("%q", text)
		}
	}
	for text, want := range map[string]bool{strings.Repeat("0a", 32): true, strings.Repeat("0A", 32): false,
		strings.Repeat("0a", 31): false, strings.Repeat("0g", 32): false, "": false} {
		if _, ok := Hex32(text); ok != want {
			t.Errorf("%q", text)
		}
	}
	for text, want := range map[string]bool{"": true, "AA==": true, "AAA=": true, "AAAA": true, "AB==": false, "AAB=": false, "AA": false,
		"AA=": false, "A===": false, "AA==\n": false, "A\nA==": false, "A\rA==": false, "AA==AA==": false, "-_==": false, "====": false,
		"AAAA=": false, "=": false} {
		if _, ok := Base64(text); ok != want {
			t.Errorf("%q", text)
		}
	}
}

// base58 is the oracle: a number to the base of 58, after a 1 for each leading byte of zero.
func base58(data []byte) string {
	text, number, base := "", new(big.Int).SetBytes(data), big.NewInt(58)
	for number.Sign() > 0 {
		digit := new(big.Int)
		number.DivMod(number, base, digit)
		text = string(digits58[digit.Int64()]) + text
	}
	return strings.Repeat("1", len(data)-len(bytes.TrimLeft(data, "\x00"))) + text
}

func TestBase58IsThatOfBigNumbers(t *testing.T) {
	draw := rand.New(rand.NewSource(1))
	for round := 0; round < 2_000; round++ {
		var key [32]byte
		draw.Read(key[round%33:])
		text := base58(key[:])
		if Base58(key[:]) != text {
			t.Fatalf("%x: %s, not %s", key, Base58(key[:]), text)
		}
		if read, ok := Base58Key(text); !ok || read != key {
			t.Fatalf("%s", text)
		}
		for _, other := range []string{"1" + text, text[1:], text + "1", text[:len(text)-1], "0" + text[1:], text[:1] + "l" + text[2:], " " + text} {
			if read, ok := Base58Key(other); ok && base58(read[:]) != other {
				t.Fatalf("%s", other)
			}
		}
	}
	// 2^256 and more are no 32 bytes, at any length.
	for _, text := range []string{"", "1", strings.Repeat("z", 44), strings.Repeat("z", 43), strings.Repeat("1", 33), strings.Repeat("1", 31),
		strings.Repeat("1", 1_000_000)} {
		if read, ok := Base58Key(text); ok && base58(read[:]) != text {
			t.Errorf("%.50s", text)
		}
	}
	var signature [64]byte
	draw.Read(signature[:])
	if read, ok := Base58Signature(base58(signature[:])); !ok || read != signature {
		t.Error("a signature")
	}
}

func TestTextsOfOthersAreShownEscapedAndCut(t *testing.T) {
	for text, want := range map[string]string{
		"é \"x\" 漢": "é \"x\" 漢", "a\u202eb\n\U000e0041\a": `a\u{202e}b\u{a}\u{e0041}\u{7}`,
		strings.Repeat("x", MaxPlain+1): strings.Repeat("x", MaxPlain) + "…",
	} {
		if Plain(text) != want {
			t.Errorf("%q", Plain(text))
		}
	}
}

func FuzzBase64(f *testing.F) {
	f.Add("AA==")
	f.Fuzz(func(t *testing.T, text string) {
		if data, ok := Base64(text); ok && base64.StdEncoding.EncodeToString(data) != text {
			t.Errorf("%q", text)
		}
	})
}
