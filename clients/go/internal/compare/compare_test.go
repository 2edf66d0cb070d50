package compare

import (
	"crypto/ed25519"
	"encoding/hex"
	"testing"
)

func TestSignaturesOfKeysAndNoncesOfSmallOrderAreRefused(t *testing.T) {
	accepted := 0
	for _, y := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			var key [32]byte
			copy(key[:], y)
			key[31] |= sign
			for _, nonce := range smallOrder {
				for message := byte(0); message < 16; message++ {
					// A scalar of zero: whether it holds rests on the order alone.
					var signature [64]byte
					copy(signature[:32], nonce)
					if ed25519.Verify(key[:], []byte{message}, signature[:]) {
						accepted++
					}
					if Signature(&key, []byte{message}, &signature) {
						t.Fatalf("%x signed %d", key, message)
					}
				}
			}
		}
	}
	if accepted < 10 {
		t.Errorf("twin: without the comparison only %d hold", accepted)
	}
}

func TestKeysInAnotherEncodingAreRefused(t *testing.T) {
	// 2^255 - 19 + 1, another encoding of 1, which is of small order, too; the last is the prime less one.
	for digits, want := range map[string]bool{
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": false,
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": false,
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": false,
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": false,
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": true,
		"edfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe7f": true,
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7e": true,
	} {
		key, err := hex.DecodeString(digits)
		if err != nil || isCanonical(key) != want {
			t.Error(digits, err)
		}
	}
}

func TestSignaturesAreOfOneKeyAndOneMessage(t *testing.T) {
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	message := []byte("message")
	var key [32]byte
	var signature [64]byte
	copy(key[:], private[32:])
	copy(signature[:], ed25519.Sign(private, message))
	if !Signature(&key, message, &signature) {
		t.Fatal("a true signature")
	}
	for at := 0; at < 64*8; at++ {
		signature[at/8] ^= 1 << (at % 8)
		if Signature(&key, message, &signature) {
			t.Errorf("signature, bit %d", at)
		}
		signature[at/8] ^= 1 << (at % 8)
	}
	// The scalar and the group's order together: the same number, not reduced.
	order, _ := hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	carry := 0
	for at := range order {
		carry += int(signature[32+at]) + int(order[at])
		signature[32+at] = byte(carry)
		carry >>= 8
	}
	if Signature(&key, message, &signature) {
		t.Error("a scalar that is not reduced")
	}
}
