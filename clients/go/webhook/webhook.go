// Package webhook verifies who sent a webhook, by Standard Webhooks 1.0 (https://www.standardwebhooks.com): HMAC-SHA256 under a shared
// secret (v1), and Ed25519 (v1a).
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"counterfoil.dev/go/internal/compare"
	"counterfoil.dev/go/internal/text"
)

// The headers of a webhook.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Why a webhook is refused.
var (
	// ErrHeaders: a header is missing, stands there twice, or cannot be read.
	ErrHeaders = errors.New("webhook: a header is missing, stands there twice, or cannot be read")
	// ErrTimestamp: it was sent too long ago, or comes from the future.
	ErrTimestamp = errors.New("webhook: its time is not within the tolerance")
	// ErrSignature: no key signed these bytes.
	ErrSignature = errors.New("webhook: no key signed it")
)

// maxSignatures is how many signatures of a webhook are looked at: more than a sender has keys.
const maxSignatures = 32

// Verifier has the keys of one sender.
type Verifier struct {
	secrets [][]byte
	public  [][32]byte
}

// NewVerifier takes the keys of one sender, more than one while they change: secrets of 24 to 64 bytes as whsec_ and base64, and public
// keys as whpk_ and base64.
func NewVerifier(keys ...string) (*Verifier, error) {
	verifier := &Verifier{}
	for at, key := range keys {
		kind, encoded, _ := strings.Cut(key, "_")
		decoded, ok := text.Base64(encoded)
		switch {
		case ok && kind == "whsec" && 24 <= len(decoded) && len(decoded) <= 64:
			verifier.secrets = append(verifier.secrets, decoded)
		case ok && kind == "whpk" && len(decoded) == 32:
			var public [32]byte
			copy(public[:], decoded)
			verifier.public = append(verifier.public, public)
		default:
			// A key is not shown: most are secrets.
			return nil, fmt.Errorf("webhook: key %d is neither whsec_ with 24 to 64 bytes in base64, nor whpk_ with 32", at)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("webhook: there is no key")
	}
	return verifier, nil
}

// Verify verifies that one of the keys signed a webhook's id, time and body, and that its time is at most the tolerance away from
// now. It gives ErrHeaders, ErrTimestamp or ErrSignature. The body has to be the bytes as they came. It does not find
// a webhook that is sent again within the tolerance: keep the ids that were handled.
func (v *Verifier) Verify(header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	id, isID := only(header, HeaderID)
	timestamp, isTimestamp := only(header, HeaderTimestamp)
	signatures, isSigned := only(header, HeaderSignature)
	seconds, isNumber := text.Decimal(timestamp)
	// The id ends at the first full stop of the signed bytes, so that an id with one could take the time's place.
	if !isID || !isTimestamp || !isSigned || !isNumber || seconds>>62 != 0 || strings.Contains(id, ".") {
		return ErrHeaders
	}
	signed := append([]byte(id+"."+timestamp+"."), body...)
	if !v.isSigned(signed, strings.Split(signatures, " ")) {
		return ErrSignature
	}
	// After the signature, for the time of a webhook that no one signed says nothing.
	sent := time.Unix(int64(seconds), 0)
	if now.Sub(sent) > tolerance || sent.Sub(now) > tolerance {
		return ErrTimestamp
	}
	return nil
}

func (v *Verifier) isSigned(signed []byte, signatures []string) bool {
	if len(signatures) > maxSignatures {
		return false
	}
	for _, one := range signatures {
		version, encoded, _ := strings.Cut(one, ",")
		signature, ok := text.Base64(encoded)
		switch {
		case ok && version == "v1":
			for _, secret := range v.secrets {
				mac := hmac.New(sha256.New, secret)
				mac.Write(signed)
				if equal(mac.Sum(nil), signature) {
					return true
				}
			}
		case ok && version == "v1a" && len(signature) == 64:
			var bytes [64]byte
			copy(bytes[:], signature)
			for at := range v.public {
				if compare.Signature(&v.public[at], signed, &bytes) {
					return true
				}
			}
		}
	}
	return false
}

// equal compares in a time that does not tell where two texts differ. A test takes it out to show that its run fails without it.
var equal = hmac.Equal

// only gives the one value of a header.
func only(header http.Header, name string) (string, bool) {
	values := header.Values(name)
	if len(values) != 1 {
		return "", false
	}
	return values[0], values[0] != ""
}
