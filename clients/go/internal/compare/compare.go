// Package compare holds the comparisons on which every verdict rests.
//
// They are variables so that a test can take one out and show that its run fails without it. Nothing else sets them.
package compare

import (
	"bytes"
	"crypto/ed25519"
)

// Hashes says whether two hashes, or two keys, are one.
var Hashes = func(a, b [32]byte) bool { return a == b }

// Signature says whether a key signed a message, by Ed25519 and strictly: a key that is not in its one encoding, a key or a
// nonce of small order, and a scalar that is not reduced are refused. So a signature is of one key and one message.
//
// Source: docs/protocol.md, section 9; RFC 8032, section 5.1.7.
var Signature = func(key *[32]byte, message []byte, signature *[64]byte) bool {
	// The standard library reduces no scalar, and compares the nonce's bytes with those of the point that it computes; so of a
	// nonce its order alone is left to look at. It takes a key in any encoding.
	nonce := signature[:32]
	return isCanonical(key[:]) && !hasSmallOrder(key[:]) && !hasSmallOrder(nonce) &&
		ed25519.Verify(key[:], message, signature[:])
}

// isCanonical says whether a point's y is below the field's prime, 2^255 - 19, little-endian and without the sign bit.
func isCanonical(point []byte) bool {
	if point[31]&0x7f != 0x7f || point[0] < 0xed {
		return true
	}
	for _, digit := range point[1:31] {
		if digit != 0xff {
			return true
		}
	}
	return false
}

// smallOrder has y of the eight points whose order divides 8, without the sign bit: two points share each but 1 and -1.
var smallOrder = [][]byte{
	{},
	{0x01},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
}

// hasSmallOrder says whether a point in its one encoding has an order that divides 8.
func hasSmallOrder(point []byte) bool {
	var y [32]byte
	copy(y[:], point)
	y[31] &= 0x7f
	for _, small := range smallOrder {
		var other [32]byte
		copy(other[:], small)
		if bytes.Equal(y[:], other[:]) {
			return true
		}
	}
	return false
}
