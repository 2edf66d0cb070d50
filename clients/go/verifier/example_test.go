package verifier_test

import (
	"encoding/json"
	"fmt"
	"log"
	"os"

	"counterfoil.dev/go/verifier"
)

func ExampleVerify() {
	// A receipt of the test vectors, and a pin, which comes from elsewhere.
	text, err := os.ReadFile("../../../docs/vectors/receipt.json")
	if err != nil {
		log.Fatal(err)
	}
	var vectors struct{ Receipts []json.RawMessage }
	if err := json.Unmarshal(text, &vectors); err != nil {
		log.Fatal(err)
	}
	document := []byte(vectors.Receipts[6])
	pinFile := []byte(`{"ledger": "32ZsJ2yJjwuoBiWE5xnZjG9tKmK3CubbmEzgkQLyQzgD", "heads": [
		{"log": "entries", "size": "16", "root": "9dc26e0c82b141687032b72a614a859cb402f5f4e7c2d7e38f52a5dd41607307"}]}`)

	pin, err := verifier.ReadPin(pinFile)
	if err != nil {
		log.Fatal(err)
	}
	verdict := verifier.Verify(document, pin)
	if verdict.Verdict != verifier.Verified {
		log.Fatalf("%s: %s", verdict.Verdict, verdict.Reason)
	}
	fmt.Printf("entry %d has %d bytes\n", *verdict.Facts.Index, len(verdict.Facts.Payload))
	// Output: entry 9 has 121 bytes
}
