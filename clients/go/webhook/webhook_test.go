package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"counterfoil.dev/go/internal/compare"
)

// The example of Standard Webhooks' own libraries.
const (
	secret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	body      = `{"test": 2432232314}`
	signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	id        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	timestamp = "1614265330"
)

var sent = time.Unix(1_614_265_330, 0)

func headers(id, timestamp, signature string) http.Header {
	header := http.Header{}
	header.Set("webhook-id", id)
	header.Set("webhook-timestamp", timestamp)
	header.Set("webhook-signature", signature)
	return header
}

func verifierOf(t *testing.T, keys ...string) *Verifier {
	t.Helper()
	verifier, err := NewVerifier(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// asymmetric gives a key, and a signature of the example by it.
func asymmetric() (key, signature string) {
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	signed := ed25519.Sign(private, []byte(id+"."+timestamp+"."+body))
	return "whpk_" + base64.StdEncoding.EncodeToString(private[32:]), "v1a," + base64.StdEncoding.EncodeToString(signed)
}

// holdToBytes alters each byte of what is signed, and of the signature.
func holdToBytes(verifier *Verifier, signature string) error {
	verify := func(id, timestamp, signature, body string) error {
		return verifier.Verify(headers(id, timestamp, signature), []byte(body), sent, 1<<62)
	}
	if err := verify(id, timestamp, signature, body); err != nil {
		return err
	}
	parts := []string{id, timestamp, signature, body}
	for part := range parts {
		for at := range parts[part] {
			altered := append([]string{}, parts...)
			bytes := []byte(altered[part])
			bytes[at] ^= 1
			altered[part] = string(bytes)
			err := verify(altered[0], altered[1], altered[2], altered[3])
			if !errors.Is(err, ErrSignature) && !errors.Is(err, ErrHeaders) {
				return fmt.Errorf("part %d, byte %d: %v", part, at, err)
			}
		}
	}
	return nil
}

func TestEachByteIsSigned(t *testing.T) {
	if err := holdToBytes(verifierOf(t, secret), signature); err != nil {
		t.Fatal(err)
	}
	key, signed := asymmetric()
	if err := holdToBytes(verifierOf(t, key), signed); err != nil {
		t.Fatal(err)
	}
	heldEqual, heldSignature := equal, compare.Signature
	defer func() { equal, compare.Signature = heldEqual, heldSignature }()
	equal = func(_, _ []byte) bool { return true }
	compare.Signature = func(*[32]byte, []byte, *[64]byte) bool { return true }
	if holdToBytes(verifierOf(t, secret), signature) == nil || holdToBytes(verifierOf(t, key), signed) == nil {
		t.Error("twin: a verifier that compares no signatures passes the same run")
	}
}

func TestTheToleranceIsTheCallers(t *testing.T) {
	verifier := verifierOf(t, secret)
	for away, want := range map[time.Duration]error{0: nil, time.Minute: nil, -time.Minute: nil, time.Minute + 1: ErrTimestamp,
		-time.Minute - 1: ErrTimestamp, 1 << 62: ErrTimestamp, -1 << 62: ErrTimestamp} {
		if err := verifier.Verify(headers(id, timestamp, signature), []byte(body), sent.Add(away), time.Minute); err != want {
			t.Errorf("%v: %v", away, err)
		}
	}
}

func TestSeveralKeysAndSignaturesAreTriedWhileKeysChange(t *testing.T) {
	key, signed := asymmetric()
	other := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 24))
	list := strings.Join([]string{"v1,AAAA", "v9,x", "", "v1a,AAAA", signed, signature}, " ")
	for name, keys := range map[string][]string{"secret": {other, secret}, "key": {key}, "both": {secret, key}} {
		if err := verifierOf(t, keys...).Verify(headers(id, timestamp, list), []byte(body), sent, 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A signature of one kind is not looked at as one of the other.
	crossed := "v1," + strings.TrimPrefix(signed, "v1a,") + " v1a," + strings.TrimPrefix(signature, "v1,")
	if err := verifierOf(t, secret, key).Verify(headers(id, timestamp, crossed), []byte(body), sent, 0); err != ErrSignature {
		t.Error(err)
	}
	many := strings.Repeat("v1,AAAA ", maxSignatures) + signature
	if err := verifierOf(t, secret).Verify(headers(id, timestamp, many), []byte(body), sent, 0); err != ErrSignature {
		t.Error(err)
	}
}

func TestHeadersThatCanBeReadInTwoWaysAreRefused(t *testing.T) {
	twice := headers(id, timestamp, signature)
	twice.Add("webhook-id", id)
	for name, header := range map[string]http.Header{
		"none": {}, "twice": twice, "no id": headers("", timestamp, signature), "a full stop": headers("a.b", timestamp, signature),
		"no time": headers(id, "", signature), "a sign": headers(id, "+1614265330", signature), "a zero": headers(id, "01614265330", signature),
		"beyond": headers(id, "18446744073709551615", signature), "no signature": headers(id, timestamp, ""),
	} {
		if err := verifierOf(t, secret).Verify(header, []byte(body), sent, time.Hour); err != ErrHeaders {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysAreOfTheirLength(t *testing.T) {
	of := func(length int) string { return base64.StdEncoding.EncodeToString(make([]byte, length)) }
	for key, want := range map[string]bool{"whsec_" + of(24): true, "whsec_" + of(64): true, "whpk_" + of(32): true, "whsec_" + of(23): false,
		"whsec_" + of(65): false, "whpk_" + of(31): false, of(24): false, "whsk_" + of(64): false, "": false, "whsec_": false} {
		if _, err := NewVerifier(key); (err == nil) != want {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := NewVerifier(); err == nil {
		t.Error("without a key")
	}
	if _, err := NewVerifier("whsec_" + of(23)); strings.Contains(err.Error(), of(23)) {
		t.Error("an error shows a secret")
	}
}
