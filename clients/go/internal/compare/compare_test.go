package compare

import (
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"math/big"
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

func TestAKeyOfSmallOrderSignsNothingWhateverTheNonce(t *testing.T) {
	// To the key 1, the neutral point, every nonce sB with the scalar s is a signature of every message.
	digest := sha512.Sum512(make([]byte, 32))
	digest[0] &= 248
	digest[31] = digest[31]&127 | 64
	scalar := new(big.Int).SetBytes(reversed(digest[:32]))
	scalar.Mod(scalar, order())
	var signature [64]byte
	copy(signature[:32], ed25519.NewKeyFromSeed(make([]byte, 32))[32:])
	copy(signature[32:], reversed(scalar.FillBytes(make([]byte, 32))))
	key := [32]byte{1}
	if Signature(&key, []byte("any"), &signature) {
		t.Error("the neutral point signed it")
	}
	if !ed25519.Verify(key[:], []byte("any"), signature[:]) {
		t.Error("twin: without the comparison it is no signature either")
	}
}

// order is the group's, 2^252 and some more.
func order() *big.Int {
	order, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	return order.Add(order, new(big.Int).Lsh(big.NewInt(1), 252))
}

func reversed(bytes []byte) []byte {
	other := make([]byte, len(bytes))
	for at, b := range bytes {
		other[len(bytes)-1-at] = b
	}
	return other
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
	scalar := new(big.Int).SetBytes(reversed(signature[32:]))
	copy(signature[32:], reversed(scalar.Add(scalar, order()).FillBytes(make([]byte, 32))))
	if Signature(&key, message, &signature) {
		t.Error("a scalar that is not reduced")
	}
}
